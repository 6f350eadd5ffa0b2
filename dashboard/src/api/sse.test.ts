import { MessageReader, type ServerMessage } from './sse';

function readAll(...pieces: string[]): ServerMessage[] {
  const reader = new MessageReader();
  return pieces.flatMap((piece) => [...reader.read(piece)]);
}

test('a message has an id, a type and data', () => {
  expect(readAll('id: 7\nevent: left_out\ndata: {}\n\n')).toEqual([{ id: '7', event: 'left_out', data: '{}' }]);
});

test('several data lines are one text; one space after the colon does not count', () => {
  expect(readAll('data:a\ndata:  b\n\n')).toEqual([{ data: 'a\n b' }]);
});

test.each(['\n', '\r\n', '\r'])('lines may end in %j', (end) => {
  expect(readAll(`data: 1${end}${end}data: 2${end}${end}data`)).toEqual([{ data: '1' }, { data: '2' }]);
});

test('it does not matter where pieces are cut', () => {
  const text = ': hello\r\n\r\nid: a:1\r\ndata: {"x": "y:z"}\r\n\r\ndata: 2\r\n\r\n';
  expect(readAll(...text)).toEqual(readAll(text));
  expect(readAll(text)).toEqual([{ data: null }, { id: 'a:1', data: '{"x": "y:z"}' }, { data: '2' }]);
});

test('an id without data tells where to resume', () => {
  expect(readAll(': cloudpulse\nid: j:9:0\n\n')).toEqual([{ id: 'j:9:0', data: null }]);
});

test('empty lines are no messages', () => {
  expect(readAll('\n\n\ndata: 1\n\n\n')).toEqual([{ data: '1' }]);
});
