import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { alarm, episode, ringing } from '../test/samples';
import AlarmsView from './alarms-view';

const ALARMS = 'GET /v1/alarms';
const NOW = '2026-03-09T14:00:00Z';

let server: FakeServer;

beforeEach(() => {
  server = fakeServer({
    [ALARMS]: {
      alarms: [
        alarm('speed_lag', { value: 2, todo: 'Look at `cloudpulse status`.' }),
        alarm('lake_lag', { value: 290, threshold: 300 }),
        ringing('dead_letters'),
        alarm('backup_age', { value: null, unit: 'days' }),
      ],
      history: [
        episode('dead_letters'),
        episode('volume_jump', { raised_at: NOW, cleared_at: '2026-03-09T14:05:00Z', judged: 'withdrawn' }),
        episode('error_jump', { raised_at: NOW, cleared_at: '2026-03-09T14:05:00Z', judged: 'confirmed', late: true }),
        episode('session_jump', { raised_at: NOW, cleared_at: '2026-03-09T14:05:00Z', judged: 'confirmed' }),
      ],
    },
  });
});

const show = (at = '/operations/alarms') => renderPage(<AlarmsView />, { at, path: '/operations/alarms' });
const rows = async (name: RegExp) =>
  within(await screen.findByRole('table', { name }))
    .getAllByRole('row')
    .slice(1)
    .map((row) => [...row.children].map((cell) => cell.textContent));

test('the worst comes first, with value and threshold in words and what to do', async () => {
  await show();
  const [first, second, third, fourth] = await rows(/the worst first/);
  expect(first?.slice(0, 2)).toEqual(['Rings', 'Dead lettersdead_letters rings.']);
  expect(first?.[2]).toMatch(/ago$/);
  expect(first?.slice(3)).toEqual(['1 min 30 srings above 1 min', 'What to do. Go to dead letters']);
  expect(second?.slice(0, 2)).toEqual(['Near', 'Lake lagwhat it watches']);
  expect(third?.[0]).toBe('Not known');
  expect(fourth?.slice(2)).toEqual(['–', '2 srings above 1 min', 'Look at cloudpulse status. ']);
  expect(screen.getByText('cloudpulse status', { selector: 'code' })).toBeVisible();
  expect(screen.getByRole('link', { name: 'Go to dead letters' })).toHaveAttribute('href', '/operations/dead-letters');
});

test('when they rang, and what the batch layer said of it', async () => {
  await show();
  const history = await rows(/When alarms rang/);
  expect(history.map((cells) => cells.slice(1, 5))).toEqual([
    ['Dead letters', 'still rings', '1 min 30 s', '–'],
    ['Volume jump', '5 min', '90 ', 'withdrawn'],
    ['Error jump', '5 min', '90 ', 'raised late'],
    ['Session jump', '5 min', '90 ', 'confirmed'],
  ]);
});

test('the history of one alarm is in the address', async () => {
  const { router } = await show();
  await userEvent.click(await screen.findByRole('link', { name: 'Dead letters' }));
  expect(router.state.location.pathname + router.state.location.search).toBe('/operations/alarms?alarm=dead_letters');
  expect(await rows(/When alarms rang/)).toHaveLength(1);
  await userEvent.selectOptions(screen.getByLabelText('Alarm'), 'Lake lag');
  expect(await screen.findByText('It has not rung.')).toBeVisible();
});

test('why they cannot be had, and who may not see them', async () => {
  server.answers[ALARMS] = problem(400, 'bad_request', 'Say it otherwise.');
  const { unmount } = await show();
  expect(await screen.findByRole('alert')).toHaveTextContent('Say it otherwise.');
  unmount();
  server.answers[ALARMS] = problem(403, 'forbidden', 'It needs admin.');
  await show();
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
