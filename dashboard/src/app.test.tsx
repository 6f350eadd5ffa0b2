import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { App } from './app';
import { Session } from './auth/session';
import { fakeServer, problem } from './test/fake-server';
import { CONFIG, signedIn } from './test/render-page';

const TOKEN = { access_token: 'a', token_type: 'Bearer', expires_in: 1200, scope: 'events:read' };

function nobody(oidc: Session['oidc'] = null, config = CONFIG): Session {
  return new Session(config, { renew: async () => null, end: async () => {} }, oidc);
}

async function enter(email: string, password: string) {
  await userEvent.type(screen.getByLabelText('E-mail'), email);
  await userEvent.type(screen.getByLabelText('Password'), password);
  await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
}

test('a wrong password is said, and the next try may be right', async () => {
  const server = fakeServer({
    'POST /v1/auth/login': problem(401, 'invalid_credentials', 'E-mail or password is wrong.'),
  });
  render(<App session={nobody()} />);
  await enter('ada@example.org', 'wrong');
  expect(await screen.findByRole('alert')).toHaveTextContent('E-mail or password is wrong.');
  server.answers['POST /v1/auth/login'] = TOKEN;
  await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(await screen.findByRole('navigation', { name: 'Pages' })).toBeVisible();
});

test('with an issuer people sign in there, and come back to where they were', async () => {
  fakeServer({});
  const signIn = vi.fn().mockResolvedValueOnce(undefined).mockRejectedValueOnce(new Error('Failed to fetch'));
  const oidc = { signIn, refusal: 'Signing in failed: not today', source: { renew: async () => null, end: vi.fn() } };
  render(<App session={nobody(oidc, { ...CONFIG, oidc_issuer: 'https://issuer.example.org/pool' })} />);
  expect(screen.getByRole('alert')).toHaveTextContent('not today');
  expect(screen.queryByLabelText('Password')).toBeNull();
  const button = screen.getByRole('button', { name: 'Sign in with issuer.example.org' });
  await userEvent.click(button);
  expect(signIn).toHaveBeenCalledOnce();
  await userEvent.click(button);
  expect(await screen.findByText('issuer.example.org cannot be reached. Try again.')).toBeVisible();
});

test('the frame has the pages that one may see, a theme, and the way out', async () => {
  fakeServer({});
  render(<App session={await signedIn(['events:read'])} />);
  expect((await screen.findAllByRole('link')).map((link) => link.textContent)).toEqual(
    expect.arrayContaining(['Skip to the content', 'Live', 'Explore', 'SQL']),
  );
  expect(screen.queryByRole('link', { name: 'Operations' })).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Dark' }));
  expect(document.documentElement.dataset.theme).toBe('dark');
  expect(localStorage.getItem('cloudpulse-theme')).toBe('dark');
  await userEvent.click(screen.getByRole('button', { name: 'Light' }));
  expect(document.documentElement.dataset.theme).toBe('light');
  await userEvent.click(screen.getByRole('button', { name: 'Sign out' }));
  expect(await screen.findByRole('heading', { name: /Sign in/ })).toBeVisible();
});

test('somebody can sign out on all devices, and is told when that fails', async () => {
  fakeServer({});
  const end = vi
    .fn()
    .mockRejectedValueOnce(new Error('The server cannot be reached.'))
    .mockResolvedValueOnce(undefined);
  const renew = async () => ({ accessToken: 'a', endsAt: Date.now() + 3_600_000, scopes: ['events:read'] });
  const session = new Session(CONFIG, { renew, end }, null);
  await session.renew();
  render(<App session={session} />);
  const button = await screen.findByRole('button', { name: 'Sign out everywhere' });
  await userEvent.click(button);
  expect(await screen.findByText('The server cannot be reached.')).toBeVisible();
  await userEvent.click(button);
  expect(await screen.findByRole('heading', { name: /Sign in/ })).toBeVisible();
  expect(end.mock.calls).toEqual([[true], [true]]);
});

test('an administrator sees operations', async () => {
  fakeServer({});
  render(<App session={await signedIn(['events:read', 'admin'])} />);
  expect(await screen.findByRole('link', { name: 'Operations' })).toBeVisible();
});
