import { downloadCsv, toCsv } from './csv';

test('names, then rows; what is not simple is quoted', () => {
  const rows = [
    { page: '/a,b', views: 3, note: 'say "hi"' },
    { page: '/c', views: 1.5, note: null },
  ];
  expect(toCsv(rows)).toBe('page,views,note\r\n"/a,b",3,"say ""hi"""\r\n/c,1.5,\r\n');
});

test.each(['=1+1', '+cmd', '-2+3', '@SUM(A1)', '\t=1', '＝1', "'=1"])('%j is made harmless', (text) => {
  expect(toCsv([{ text }])).toBe(`text\r\n'${text}\r\n`);
});

test.each([-5, '-5', '+4.5', '-1e3'])('%j is a number, and stays one', (value) => {
  expect(toCsv([{ value }])).toBe(`value\r\n${value}\r\n`);
});

test('columns that are asked for, in their order; objects as JSON', () => {
  expect(toCsv([{ a: 1, b: { c: [2] }, d: true }], ['d', 'b'])).toBe('d,b\r\ntrue,"{""c"":[2]}"\r\n');
  expect(toCsv([], ['a'])).toBe('a\r\n');
});

test('a download has the name and the text', async () => {
  const made: Blob[] = [];
  URL.createObjectURL = (blob) => `blob:${made.push(blob as Blob)}`;
  URL.revokeObjectURL = () => {};
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
  downloadCsv('pages.csv', [{ page: '/' }]);
  expect(await made[0]?.text()).toBe('page\r\n/\r\n');
  expect((click.mock.contexts[0] as HTMLAnchorElement).download).toBe('pages.csv');
});
