/** What was entered into a form, in the types of the API. */

/** The text of a field without space around it. */
export function textOf(form: FormData, name: string): string {
  return String(form.get(name) ?? '').trim();
}

/** The lines of a field that are not empty. */
export function linesOf(form: FormData, name: string): string[] {
  return textOf(form, name)
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

/** A whole number; null when there is none. */
export function numberOf(form: FormData, name: string): number | null {
  const text = textOf(form, name);
  return text === '' ? null : Number(text);
}

/** The boxes that are checked. */
export function choicesOf(form: FormData, name: string): string[] {
  return form.getAll(name).map(String);
}
