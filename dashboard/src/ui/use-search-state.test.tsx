import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { fakeServer } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { choice, dayParameter, flagParameter, textParameter, useSearchState } from './use-search-state';

const PARAMETERS = {
  minutes: choice([5, 15, 60], 15),
  by: choice(['page', 'country'], 'page'),
  text: textParameter(),
  day: dayParameter('2026-03-09'),
  open: flagParameter(),
};

function Page() {
  const [state, set] = useSearchState(PARAMETERS);
  return (
    <>
      <output>{JSON.stringify(state)}</output>
      <button type="button" onClick={() => set({ minutes: 60, text: 'a b' })}>
        change
      </button>
      <button type="button" onClick={() => set({ minutes: 15, text: '' }, { replace: true })}>
        back to the beginning
      </button>
    </>
  );
}

const state = () => JSON.parse(screen.getByRole('status').textContent ?? '');

beforeEach(() => {
  fakeServer({});
});

test.each(['2026-02-31', '2026-2-3', '2026-13-01', 'today'])('%s is no day', (text) => {
  expect(dayParameter('').read(text)).toBeUndefined();
});

test('what is in the address is read by its type', async () => {
  await renderPage(<Page />, { at: '/?minutes=5&by=country&text=x&day=2026-01-31&open=true' });
  expect(state()).toEqual({ minutes: 5, by: 'country', text: 'x', day: '2026-01-31', open: true });
});

test('what is wrong or missing has its initial value', async () => {
  await renderPage(<Page />, { at: '/?minutes=7&by=moon&day=2026-31-31&open=1' });
  expect(state()).toEqual({ minutes: 15, by: 'page', text: '', day: '2026-03-09', open: false });
});

test('changes go into the address, initial values leave it, others stay', async () => {
  const { router } = await renderPage(<Page />, { at: '/?other=1' });
  await userEvent.click(screen.getByRole('button', { name: 'change' }));
  expect(router.state.location.search).toBe('?other=1&minutes=60&text=a+b');
  expect(state()).toMatchObject({ minutes: 60, text: 'a b' });
  await userEvent.click(screen.getByRole('button', { name: 'back to the beginning' }));
  expect(router.state.location.search).toBe('?other=1');
});
