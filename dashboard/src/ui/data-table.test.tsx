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

test('many rows stand on pages, which the order goes through', async () => {
  render(table({ pageRows: 2 }));
  expect(names()).toEqual(['/b', '/a']);
  expect(screen.getByText('Rows 1 to 2 of 3')).toBeVisible();
  expect(screen.getByRole('button', { name: 'Previous' })).toBeDisabled();
  await userEvent.click(screen.getByRole('button', { name: 'Next' }));
  expect(names()).toEqual(['/c']);
  expect(screen.getByText('Rows 3 to 3 of 3')).toBeVisible();
  expect(screen.getByRole('button', { name: 'Next' })).toBeDisabled();
  await userEvent.click(screen.getByRole('button', { name: /Page/ }));
  expect(names()).toEqual(['/a', '/b']);
});

test('a table that becomes shorter begins again', async () => {
  const { rerender } = render(table({ pageRows: 2 }));
  await userEvent.click(screen.getByRole('button', { name: 'Next' }));
  rerender(table({ pageRows: 2, rows: ROWS.slice(0, 2) }));
  expect(names()).toEqual(['/b', '/a']);
  expect(screen.queryByRole('button', { name: 'Next' })).toBeNull();
});
