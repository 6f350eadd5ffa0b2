import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type Column, DataTable } from './data-table';

interface Page {
  name: string;
  views: number | null;
}

const COLUMNS: Column<Page>[] = [
  { key: 'name', header: 'Page', cell: (row) => row.name, sortBy: (row) => row.name },
  { key: 'views', header: 'Views', cell: (row) => row.views ?? '–', isNumber: true, sortBy: (row) => row.views },
];
const ROWS: Page[] = [
  { name: '/b', views: 9 },
  { name: '/a', views: null },
  { name: '/c', views: 10 },
];

const names = () => screen.getAllByText(/^\//).map((cell) => cell.textContent);
const table = (more = {}) => (
  <DataTable caption="Pages" columns={COLUMNS} rows={ROWS} rowKey={(row) => row.name} {...more} />
);

test('rows keep their order until somebody sorts them', async () => {
  render(table());
  expect(names()).toEqual(['/b', '/a', '/c']);
  await userEvent.click(screen.getByRole('button', { name: /Page/ }));
  expect(names()).toEqual(['/a', '/b', '/c']);
  await userEvent.click(screen.getByRole('button', { name: /Page/ }));
  expect(names()).toEqual(['/c', '/b', '/a']);
  expect(screen.getByRole('columnheader', { name: /Page/ })).toHaveAttribute('aria-sort', 'descending');
});

test('numbers begin with the largest, and what is missing stands last in both directions', async () => {
  render(table());
  await userEvent.click(screen.getByRole('button', { name: /Views/ }));
  expect(names()).toEqual(['/c', '/b', '/a']);
  await userEvent.click(screen.getByRole('button', { name: /Views/ }));
  expect(names()).toEqual(['/b', '/c', '/a']);
});

test('whoever holds the order is asked to change it', async () => {
  const onSort = vi.fn();
  render(table({ sort: '-name', onSort }));
  expect(names()).toEqual(['/c', '/b', '/a']);
  await userEvent.click(screen.getByRole('button', { name: /Views/ }));
  expect(onSort).toHaveBeenCalledWith('-views');
});

test('details open below their row', async () => {
  render(table({ details: (row: Page) => <p>More about {row.name}</p> }));
  expect(screen.queryByText(/More about/)).toBeNull();
  const row = screen.getByText('/a').closest('tr') as HTMLElement;
  await userEvent.click(within(row).getByRole('button', { name: 'More' }));
  expect(screen.getByText('More about /a')).toBeVisible();
  await userEvent.click(within(row).getByRole('button', { name: 'Less' }));
  expect(screen.queryByText(/More about/)).toBeNull();
});

test('without rows it says so', () => {
  render(table({ rows: [], empty: 'No pages.' }));
  expect(screen.getByText('No pages.')).toBeVisible();
  expect(screen.queryByRole('table')).toBeNull();
});
