import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { AT } from '../test/samples';
import { settle } from '../test/settle';
import type { Execution } from './runs';
import WorkflowsView from './workflows-view';

const WORKFLOWS = 'GET /v1/workflows';
const ONE = 'GET /v1/workflows/activity-1';

function execution(more: Partial<Execution> = {}): Execution {
  const step = { attempts: 1, started_at: AT, finished_at: '2026-03-09T14:00:02Z', errors: [] };
  return {
    id: 'activity-1',
    workflow: 'activity',
    status: 'failed',
    requested_at: AT,
    finished_at: '2026-03-09T14:00:02Z',
    retries: 0,
    error: 'process: No event is valid.',
    steps: [
      { ...step, name: 'ingest', status: 'done', output: { bytes: 130 } },
      { ...step, name: 'process', status: 'failed', attempts: 2, errors: ['The disk is full.', 'No event is valid.'] },
    ],
    ...more,
  };
}

let server: FakeServer;

async function show(at = '/operations/workflows') {
  const shown = await renderPage(<WorkflowsView />, { at });
  await settle(100);
  return { ...shown, user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }) };
}

const cells = (row: HTMLElement | undefined) => [...(row?.children ?? [])].map((cell) => cell.textContent);

beforeEach(() => {
  vi.useFakeTimers();
  server = fakeServer({ [WORKFLOWS]: { workflows: [], executions: [execution()] }, [ONE]: execution() });
});

test('an execution and its steps, with tries and errors', async () => {
  const { user, router } = await show();
  const [, row] = screen.getAllByRole('row');
  expect(cells(row)[0]).toBe('failed');
  expect(cells(row).slice(2, 6)).toEqual(['activity', '1 of 2 done', '2 s', 'process: No event is valid.']);
  await user.click(screen.getByRole('button', { name: 'Steps of activity-1' }));
  await settle(100);
  expect(router.state.location.search).toBe('?execution=activity-1');
  const [, first, second] = within(screen.getByRole('table', { name: 'Steps' })).getAllByRole('row');
  expect(cells(first).toSpliced(2, 1).slice(0, 5)).toEqual(['ingest', 'done', '2 s', '1', 'bytes: 130']);
  expect(cells(second).slice(4, 6)).toEqual(['2', 'The disk is full.No event is valid.']);
});

test('one that has failed is taken up again, and followed', async () => {
  server.answers['POST /v1/workflows/activity-1/retry'] = () => {
    server.answers[ONE] = execution({ status: 'waiting', retries: 1 });
    return execution({ status: 'waiting', retries: 1 });
  };
  const { user } = await show('/operations/workflows?execution=activity-1');
  await user.click(screen.getByRole('button', { name: 'Retry' }));
  const dialog = screen.getByRole('dialog', { name: 'Take this execution up again?' });
  await user.click(within(dialog).getByRole('button', { name: 'Retry' }));
  await settle(100);
  expect(screen.getByRole('status')).toHaveTextContent('waitingactivity-1taken up again: 1');
  server.answers[ONE] = execution({ status: 'done', retries: 1 });
  await settle(1_100);
  expect(screen.getByRole('status')).toHaveTextContent(/^done/);
  expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull();
});

test('the status is in the address', async () => {
  const { user, router } = await show('/operations/workflows?status=failed');
  expect(server.query(WORKFLOWS)).toEqual({ status: 'failed', limit: '50' });
  server.answers[WORKFLOWS] = { workflows: [], executions: [] };
  await user.selectOptions(screen.getByLabelText('Status'), 'running');
  await settle(100);
  expect(router.state.location.search).toBe('?status=running');
  expect(screen.getByText('No executions.')).toBeVisible();
});

test('whoever may not see them is told so', async () => {
  server.answers[WORKFLOWS] = problem(403, 'forbidden', 'It needs admin.');
  await show();
  expect(screen.getByRole('alert')).toHaveTextContent('You may not see this');
});
