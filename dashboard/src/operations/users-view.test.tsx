import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { enter } from '../test/enter';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import type { User } from './users';
import UsersView from './users-view';

const ADA: User = {
  user_id: 'u1',
  email: 'ada@example.org',
  groups: ['events:read', 'admin'],
  created_at: '2026-03-09T12:00:00Z',
};
const BOB: User = { ...ADA, user_id: 'u2', email: 'bob@example.org', groups: [] };
const TOKEN_OF_ADA = `head.${btoa(JSON.stringify({ sub: 'u1' }))}.signature`;
let users: User[];
let server: FakeServer;

const row = (email: string) => screen.getByText(email).closest('tr') as HTMLElement;
const press = (name: string, inside?: HTMLElement) =>
  userEvent.click((inside ? within(inside) : screen).getByRole('button', { name }));
const pressInDialog = (name: string) => press(name, screen.getByRole('dialog'));
const lastBody = () => server.requests.findLast((request) => request.method !== 'GET')?.json();

async function show() {
  await renderPage(<UsersView />, { accessToken: TOKEN_OF_ADA });
  await screen.findByText(BOB.email);
}

beforeEach(() => {
  users = [ADA, BOB];
  server = fakeServer({
    'GET /v1/users': () => ({ users }),
    'POST /v1/users': { user_id: 'u3', email: 'cleo@example.org', password: 'gener4ted' },
    'PATCH /v1/users/u2': () => new Response(null, { status: 204 }),
    'POST /v1/users/u2/rotate': { user_id: 'u2', email: BOB.email, password: 'an0ther' },
    'DELETE /v1/users/u2': () => {
      users = [ADA];
      return new Response(null, { status: 204 });
    },
  });
});

test('a user is added, and the password shown once', async () => {
  await show();
  await press('Add a user');
  await enter('E-mail', 'cleo@example.org');
  await userEvent.click(screen.getByLabelText('events:write'));
  await pressInDialog('Add');
  expect(await screen.findByLabelText('Password')).toHaveValue('gener4ted');
  expect(await lastBody()).toEqual({ email: 'cleo@example.org', groups: ['events:write', 'events:read'] });
  await pressInDialog('Close');
  expect(document.body.innerHTML).not.toContain('gener4ted');
});

test('an address that is taken is refused in the form', async () => {
  server.answers['POST /v1/users'] = problem(400, 'invalid_parameter', 'There is a user with this e-mail address.');
  await show();
  await press('Add a user');
  await enter('E-mail', BOB.email);
  await pressInDialog('Add');
  expect(await screen.findByRole('alert')).toHaveTextContent('There is a user with this e-mail address.');
});

test('a new password ends the sign-ins, and is shown once', async () => {
  await show();
  await press('New password', row(BOB.email));
  expect(screen.getByRole('dialog')).toHaveTextContent('all sign-ins of this user');
  await pressInDialog('Make a new password');
  expect(await screen.findByLabelText('Password')).toHaveValue('an0ther');
  expect(await lastBody()).toEqual({});
});

test('groups can be changed', async () => {
  await show();
  expect(row(BOB.email)).toHaveTextContent('none');
  await press('Groups', row(BOB.email));
  await userEvent.click(screen.getByLabelText('events:read'));
  users = [ADA, { ...BOB, groups: ['events:read'] }];
  await pressInDialog('Save');
  await waitFor(() => expect(row(BOB.email)).toHaveTextContent('events:read'));
  expect(await lastBody()).toEqual({ groups: ['events:read'] });
});

test('a user is removed after a question', async () => {
  await show();
  await press('Remove', row(BOB.email));
  expect(screen.getByRole('dialog')).not.toHaveTextContent('administrator');
  await pressInDialog('Remove');
  await waitFor(() => expect(screen.queryByText(BOB.email)).toBeNull());
});

test('whoever is about to remove the last administrator is warned, the more so when it is themselves', async () => {
  await show();
  expect(within(row(ADA.email)).getByText('you')).toBeVisible();
  await press('Remove', row(ADA.email));
  expect(screen.getByRole('dialog')).toHaveTextContent('This is the last administrator, and it is you.');
  await pressInDialog('Cancel');
  await press('Groups', row(ADA.email));
  expect(screen.getByRole('dialog')).toHaveTextContent('This is the last administrator, and it is you.');
});

test('whoever is about to remove themselves is warned, also beside other administrators', async () => {
  users = [ADA, { ...BOB, groups: ['admin'] }];
  await show();
  await press('Remove', row(ADA.email));
  expect(screen.getByRole('dialog')).toHaveTextContent('This is you. With this you lose this page.');
  await pressInDialog('Cancel');
  await press('New password', row(ADA.email));
  expect(screen.getByRole('dialog')).toHaveTextContent('you will have to sign in with the new password');
});

test('whoever may not see it is told so', async () => {
  server.answers['GET /v1/users'] = problem(403, 'forbidden', 'It needs admin.');
  await renderPage(<UsersView />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
