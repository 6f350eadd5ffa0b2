import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import type { Ledger, LedgerReport } from './ledger';
import LedgerView from './ledger-view';

const LEDGER: Ledger = {
  accepted: 12_000,
  stored: 11_000,
  in_flight: 500,
  dead_lettered: 200,
  expired: 100,
  purged: 80,
  erased: 70,
  retired: 50,
};
const REPORT: LedgerReport = {
  ok: true,
  deep: false,
  ledger: LEDGER,
  gaps: [],
  journal: 'the-journal',
  head: 90,
  lake_position: 80,
  unlisted: 0,
};
let server: FakeServer;

const term = (label: string) => screen.getByText(label, { selector: 'dt' }).parentElement as HTMLElement;

beforeEach(() => {
  server = fakeServer({ 'GET /v1/ledger': REPORT });
});

test('every place stands in the equation with its number', async () => {
  await renderPage(<LedgerView />);
  expect(await screen.findByText('It adds up')).toBeVisible();
  expect(term('Accepted')).toHaveTextContent('12,000');
  expect(term('Stored')).toHaveTextContent('=Stored11,000');
  expect(term('Retired')).toHaveTextContent('+Retired50');
  expect(screen.getByText('In all places:')).toHaveTextContent('In all places: 12,000');
  expect(screen.getByText('the-journal')).toBeVisible();
  expect(screen.queryByRole('alert')).toBeNull();
});

test('a gap is said, with what to do', async () => {
  server.answers['GET /v1/ledger'] = {
    ...REPORT,
    ok: false,
    ledger: { ...LEDGER, stored: 10_990 },
    gaps: ['10 of 12000 accepted events are nowhere to be found.'],
    unlisted: 10,
  };
  await renderPage(<LedgerView />);
  const alert = await screen.findByRole('alert');
  expect(alert).toHaveTextContent('10 of 12000 accepted events are nowhere to be found.');
  expect(within(alert).getByText('cloudpulse verify --deep')).toBeVisible();
  expect(term('Stored')).toHaveTextContent('≠');
  expect(screen.getByText('In all places:')).toHaveTextContent('11,990 · 10 are nowhere');
  expect(screen.getByText('10 events')).toBeVisible();
});

test('events that nobody accepted are said too', async () => {
  server.answers['GET /v1/ledger'] = {
    ...REPORT,
    ok: false,
    ledger: { ...LEDGER, accepted: 11_999 },
    gaps: ['Twice.'],
  };
  await renderPage(<LedgerView />);
  expect(await screen.findByText('In all places:')).toHaveTextContent('1 too many');
});

test('a deep check is asked for by the address', async () => {
  const { router } = await renderPage(<LedgerView />);
  expect(await screen.findByText(/by the totals/)).toBeVisible();
  expect(server.query('GET /v1/ledger')).toEqual({});
  server.answers['GET /v1/ledger'] = { ...REPORT, deep: true };
  await userEvent.click(screen.getByLabelText('Read all files and ids'));
  expect(await screen.findByText(/with all files and ids/)).toBeVisible();
  expect(router.state.location.search).toBe('?deep=true');
  expect(server.query('GET /v1/ledger')).toEqual({ deep: 'true' });
});

test('it can be checked again', async () => {
  await renderPage(<LedgerView />);
  await screen.findByText('It adds up');
  server.answers['GET /v1/ledger'] = { ...REPORT, ledger: { ...LEDGER, accepted: 12_001, in_flight: 501 } };
  await userEvent.click(screen.getByRole('button', { name: 'Check again' }));
  expect(await screen.findByText('12,001', { selector: 'dd' })).toBeVisible();
});

test('whoever may not see it is told so', async () => {
  server.answers['GET /v1/ledger'] = problem(403, 'forbidden', 'It needs admin.');
  await renderPage(<LedgerView />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
