import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { enter } from '../test/enter';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import type { WriteKey } from './use-write-keys';
import WriteKeysView from './write-keys-view';

const KEY: WriteKey = {
  key_id: 'k1',
  name: 'shop page',
  app: 'shop',
  origins: ['https://shop.example', 'https://www.shop.example'],
  requests_per_minute: null,
  created_at: '2026-03-09T12:00:00Z',
  previous_expires_at: '2026-03-10T12:00:00Z',
};
let keys: WriteKey[];
let server: FakeServer;

const row = () => screen.getByText('shop page').closest('tr') as HTMLElement;
const press = (name: string, inside?: HTMLElement) =>
  userEvent.click((inside ? within(inside) : screen).getByRole('button', { name }));
const pressInDialog = (name: string) => press(name, screen.getByRole('dialog'));
const lastBody = () => server.requests.findLast((request) => request.method !== 'GET')?.json();

async function show() {
  await renderPage(<WriteKeysView />);
  await screen.findByText('shop page');
}

beforeEach(() => {
  keys = [KEY];
  server = fakeServer({
    'GET /v1/write-keys': () => ({ write_keys: keys }),
    'POST /v1/write-keys': { key_id: 'k2', write_key: 'wk_k2_s3cret' },
    'PATCH /v1/write-keys/k1': () => new Response(null, { status: 204 }),
    'POST /v1/write-keys/k1/rotate': { key_id: 'k1', write_key: 'wk_k1_an0ther', previous_expires_at: null },
    'DELETE /v1/write-keys/k1': () => {
      keys = [];
      return new Response(null, { status: 204 });
    },
  });
});

test('a key is made for origins, one a line, and shown once', async () => {
  await show();
  expect(row()).toHaveTextContent('https://shop.examplehttps://www.shop.example');
  expect(within(row()).getByTitle('2026-03-10 12:00:00 UTC')).toBeVisible();
  await press('Add a write key');
  await enter('Name', 'blog');
  await enter(/^Origins/, 'https://a.example\n\n https://b.example\n');
  await pressInDialog('Add');
  expect(await screen.findByLabelText('Write key')).toHaveValue('wk_k2_s3cret');
  expect(await lastBody()).toEqual({
    name: 'blog',
    app: 'default',
    origins: ['https://a.example', 'https://b.example'],
    requests_per_minute: null,
  });
  await pressInDialog('Close');
  expect(document.body.innerHTML).not.toContain('s3cret');
});

test('an origin that is none is refused in the form', async () => {
  server.answers['PATCH /v1/write-keys/k1'] = problem(400, 'invalid_parameter', "'moon' is no origin.");
  await show();
  await press('Change', row());
  await enter(/^Origins/, '\nmoon');
  await pressInDialog('Save');
  expect(await screen.findByRole('alert')).toHaveTextContent("'moon' is no origin.");
});

test('origins and limit can be changed', async () => {
  await show();
  await press('Change', row());
  expect(screen.getByLabelText(/^Origins/)).toHaveValue('https://shop.example\nhttps://www.shop.example');
  await enter('Requests a minute', '600');
  keys = [{ ...KEY, requests_per_minute: 600 }];
  await pressInDialog('Save');
  await waitFor(() => expect(row()).toHaveTextContent('600 a minute'));
  expect(await lastBody()).toEqual({ origins: KEY.origins, requests_per_minute: 600 });
});

test('a rotation may end the key before at once', async () => {
  await show();
  await press('Rotate', row());
  await userEvent.selectOptions(screen.getByLabelText(/stays valid for/), 'no longer');
  await pressInDialog('Make a new key');
  expect(await screen.findByLabelText('Write key')).toHaveValue('wk_k1_an0ther');
  expect(server.query('POST /v1/write-keys/k1/rotate')).toEqual({ keep_previous_seconds: '0' });
  expect(screen.getByText('The one before has ended.')).toBeVisible();
});

test('a key is removed after a question', async () => {
  await show();
  await press('Remove', row());
  expect(screen.getByRole('dialog')).toHaveTextContent('It ends at once');
  await pressInDialog('Remove');
  expect(await screen.findByText('There are no write keys yet.')).toBeVisible();
});

test('whoever may not see it is told so', async () => {
  server.answers['GET /v1/write-keys'] = problem(403, 'forbidden', 'It needs admin.');
  await renderPage(<WriteKeysView />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
