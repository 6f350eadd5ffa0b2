/** The part of a statement that an error is about: the word that ends at the line and column of its message. */
export function placeOf(message: string, statement: string): { from: number; to: number } | null {
  const [, line, column] = /at line (\d+), column (\d+)/.exec(message) ?? [];
  if (!line || !column) return null;
  const before = statement.split('\n').slice(0, Number(line) - 1);
  const to = before.reduce((length, text) => length + text.length + 1, 0) + Number(column);
  if (to > statement.length) return null;
  const word = /\w+$|.$/.exec(statement.slice(0, to));
  return word ? { from: word.index, to } : null;
}
