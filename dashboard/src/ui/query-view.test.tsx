import { useQuery } from '@tanstack/react-query';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { QueryView } from './query-view';

function Page() {
  const api = useApi();
  const query = useQuery({ queryKey: ['jobs'], queryFn: () => take(api.GET('/v1/jobs')) });
  return (
    <QueryView query={query} what="jobs">
      {(data) => <p>{JSON.stringify(data)}</p>}
    </QueryView>
  );
}

test('it loads, then shows the data', async () => {
  fakeServer({ 'GET /v1/jobs': { jobs: [] } });
  await renderPage(<Page />);
  expect(screen.getByRole('status')).toHaveTextContent('Loading jobs');
  expect(await screen.findByText('{"jobs":[]}')).toBeVisible();
});

test('what the server refuses is said and not asked again, until somebody tries again', async () => {
  const server = fakeServer({ 'GET /v1/jobs': problem(400, 'invalid_parameter', 'That is wrong.') });
  await renderPage(<Page />);
  expect(await screen.findByRole('alert')).toHaveTextContent('That is wrong.');
  expect(server.requests).toHaveLength(1);
  server.answers['GET /v1/jobs'] = { jobs: [1] };
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByText('{"jobs":[1]}')).toBeVisible();
});

test('what one may not see is said in other words', async () => {
  fakeServer({ 'GET /v1/jobs': problem(403, 'forbidden', 'It needs admin.') });
  await renderPage(<Page />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
  expect(screen.queryByRole('button')).toBeNull();
});

test('a server that fails for a moment is asked again', async () => {
  let asked = 0;
  fakeServer({ 'GET /v1/jobs': () => (asked++ ? { jobs: [2] } : problem(503, 'overloaded', 'Not now.')) });
  await renderPage(<Page />);
  expect(await screen.findByText('{"jobs":[2]}', {}, { timeout: 3_000 })).toBeVisible();
});
