import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { enter } from '../test/enter';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import ClientsView from './clients-view';
import type { Client } from './use-clients';

const LIST = 'GET /v1/clients';
const SHOP: Client = {
  client_id: 'c1',
  name: 'shop',
  app: 'default',
  scopes: ['events:write'],
  requests_per_minute: 1_200,
  created_at: '2026-03-09T12:00:00Z',
  previous_expires_at: null,
};
let clients: Client[];
let server: FakeServer;

const row = (name: string) => screen.getByText(name).closest('tr') as HTMLElement;
const press = (name: string, inside?: HTMLElement) =>
  userEvent.click((inside ? within(inside) : screen).getByRole('button', { name }));
const pressInDialog = (name: string) => press(name, screen.getByRole('dialog'));
const lastBody = () => server.requests.findLast((request) => request.method !== 'GET')?.json();
const lists = () => server.requests.filter((request) => request.method === 'GET').length;

async function show(at = '/') {
  const shown = await renderPage(<ClientsView />, { at });
  await screen.findByText('shop');
  return shown;
}

beforeEach(() => {
  clients = [SHOP];
  server = fakeServer({
    [LIST]: () => ({ clients }),
    'POST /v1/clients': () => {
      clients = [...clients, { ...SHOP, client_id: 'c2', name: 'blog', requests_per_minute: null }];
      return { client_id: 'c2', client_secret: 's3cret' };
    },
    'PATCH /v1/clients/c1': () => new Response(null, { status: 204 }),
    'POST /v1/clients/c1/rotate': {
      client_id: 'c1',
      client_secret: 'an0ther',
      previous_expires_at: '2026-03-10T12:00:00Z',
    },
    'DELETE /v1/clients/c1': () => {
      clients = [];
      return new Response(null, { status: 204 });
    },
  });
});

test('a secret is shown once, and is nowhere after its dialog has closed', async () => {
  const { router, container } = await show();
  await press('Add a client');
  await enter('Name', ' blog ');
  await userEvent.click(screen.getByLabelText('events:read'));
  await enter('Requests a minute', '60');
  await pressInDialog('Add');
  expect(await screen.findByLabelText('Client secret')).toHaveValue('s3cret');
  expect(screen.getByRole('dialog', { name: 'The client blog' })).toHaveTextContent('This is shown once.');
  expect(await lastBody()).toEqual({
    name: 'blog',
    app: 'default',
    scopes: ['events:write', 'events:read'],
    requests_per_minute: 60,
  });
  expect(await screen.findByText('blog')).toBeVisible();
  await pressInDialog('Close');
  expect(screen.queryByRole('dialog')).toBeNull();
  const places = [
    container.innerHTML,
    router.createHref(router.state.location),
    JSON.stringify({ ...localStorage, ...sessionStorage }),
  ];
  for (const place of places) expect(place).not.toContain('s3cret');
});

test('what the server refuses is said in the form', async () => {
  server.answers['POST /v1/clients'] = problem(400, 'invalid_parameter', 'name must have 1 to 128 characters.');
  await show();
  await press('Add a client');
  await enter('Name', 'x');
  await pressInDialog('Add');
  expect(await screen.findByRole('alert')).toHaveTextContent('name must have 1 to 128 characters.');
  server.answers['POST /v1/clients'] = problem(400, 'invalid_parameter', 'Wrong.', [
    { field: 'requests_per_minute', message: 'Expected `int` >= 1' },
  ]);
  await pressInDialog('Add');
  await waitFor(() => expect(screen.getByLabelText('Requests a minute')).toBeInvalid());
  expect(screen.getByRole('alert')).toHaveTextContent('Expected `int` >= 1');
});

test('a rotation says until when the secret before is valid', async () => {
  await show();
  await press('Rotate', row('shop'));
  expect(screen.getByRole('dialog')).toHaveTextContent('The secret that is used now stays valid');
  await userEvent.selectOptions(screen.getByLabelText(/stays valid for/), 'an hour');
  await pressInDialog('Make a new secret');
  expect(await screen.findByLabelText('Client secret')).toHaveValue('an0ther');
  expect(server.query('POST /v1/clients/c1/rotate')).toEqual({ keep_previous_seconds: '3600' });
  const note = screen.getByText(/The one before stays valid until/);
  expect(within(note).getByTitle('2026-03-10 12:00:00 UTC')).toBeVisible();
});

test('a limit can be set and lifted, and the list is asked for again', async () => {
  await show();
  expect(row('shop')).toHaveTextContent('1,200 a minute');
  await press('Limit', row('shop'));
  await userEvent.clear(screen.getByLabelText('Requests a minute'));
  clients = [{ ...SHOP, requests_per_minute: null }];
  await pressInDialog('Save');
  await waitFor(() => expect(row('shop')).toHaveTextContent('none'));
  expect(await lastBody()).toEqual({ requests_per_minute: null });
  expect(lists()).toBe(2);
});

test('a client is removed after a question', async () => {
  await show();
  await press('Remove', row('shop'));
  expect(screen.getByRole('dialog', { name: 'Remove the client shop?' })).toBeVisible();
  await pressInDialog('Remove');
  expect(await screen.findByText('There are no clients yet.')).toBeVisible();
});

test('when a client cannot be removed it is said, and the list is asked for again', async () => {
  server.answers['DELETE /v1/clients/c1'] = problem(404, 'not_found', "There is no client 'c1'.");
  await show();
  await press('Remove', row('shop'));
  await pressInDialog('Remove');
  expect(await screen.findByRole('alert')).toHaveTextContent("There is no client 'c1'.");
  await waitFor(() => expect(lists()).toBe(2));
});

test('the order is in the address', async () => {
  clients = [SHOP, { ...SHOP, client_id: 'c2', name: 'blog' }];
  const { router } = await show('/?sort=name');
  expect(screen.getAllByText(/^(shop|blog)$/).map((cell) => cell.textContent)).toEqual(['blogc2', 'shopc1']);
  await press('App');
  expect(router.state.location.search).toBe('?sort=app');
});

test('whoever may not see it is told so', async () => {
  server.answers[LIST] = problem(403, 'forbidden', 'It needs admin.');
  await renderPage(<ClientsView />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
