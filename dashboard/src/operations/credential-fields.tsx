/** What clients and write keys have in common in their forms. */

import { LinesField, SelectField, TextField } from '../ui/fields';

export const SCOPES = ['events:write', 'events:read', 'admin'] as const;

const HOUR = 3_600;
const DAY = 24 * HOUR;
const OVERLAPS = [
  [0, 'no longer'],
  [HOUR, 'an hour'],
  [DAY, 'a day'],
  [7 * DAY, 'a week'],
  [30 * DAY, '30 days'],
] as const;

export function NameFields() {
  return (
    <>
      <TextField name="name" label="Name" required maxLength={128} autoComplete="off" />
      <TextField
        name="app"
        label="App"
        defaultValue="default"
        required
        maxLength={128}
        autoComplete="off"
        hint="The app that its events belong to."
      />
    </>
  );
}

export function LimitField({ limit }: { limit?: number | null }) {
  return (
    <TextField
      name="requests_per_minute"
      label="Requests a minute"
      type="number"
      min={1}
      max={1_000_000}
      defaultValue={limit ?? ''}
      hint="Empty for no limit."
    />
  );
}

export function OriginsField({ origins = [] }: { origins?: readonly string[] }) {
  return (
    <LinesField
      name="origins"
      label="Origins, one a line"
      required
      defaultValue={origins.join('\n')}
      placeholder="https://shop.example"
      hint="Pages of these origins may send with it; * alone allows any."
    />
  );
}

/** How long the secret before stays valid after a rotation, in seconds. */
export function OverlapField() {
  return (
    <SelectField name="keep_previous_seconds" label="The one before stays valid for" defaultValue={DAY}>
      {OVERLAPS.map(([seconds, label]) => (
        <option key={seconds} value={seconds}>
          {label}
        </option>
      ))}
    </SelectField>
  );
}
