/** Fields of a form, each with what the server said about it. */

import { type ComponentProps, createContext, type ReactNode, use, useId } from 'react';
import { ApiError } from '../api/client';
import './fields.css';

/** Why a form was refused: at fields by their names, and what belongs to none of them. */
export interface Refusal {
  message?: string;
  fields: Record<string, string>;
}

export const FieldErrors = createContext<Refusal['fields']>({});

/** Where to show what went wrong; `hasField` tells whether the form has a field. */
export function refusalOf(error: Error, hasField: (name: string) => boolean): Refusal {
  const errors = error instanceof ApiError ? error.errors : [];
  const fields = errors.map(({ field, message }) => [field.replace(/[.[].*/, ''), message] as const);
  if (fields.length > 0 && fields.every(([name]) => hasField(name))) return { fields: Object.fromEntries(fields) };
  return { message: error.message, fields: {} };
}

interface Common {
  name: string;
  label: string;
  hint?: ReactNode;
}

export function TextField({ name, label, hint, ...more }: Common & ComponentProps<'input'>) {
  return (
    <Field name={name} label={label} hint={hint}>
      {(attributes) => <input {...more} {...attributes} />}
    </Field>
  );
}

/** A list, one entry a line. */
export function LinesField({ name, label, hint, ...more }: Common & ComponentProps<'textarea'>) {
  return (
    <Field name={name} label={label} hint={hint}>
      {(attributes) => <textarea rows={4} {...more} {...attributes} />}
    </Field>
  );
}

export function SelectField({ name, label, hint, ...more }: Common & ComponentProps<'select'>) {
  return (
    <Field name={name} label={label} hint={hint}>
      {(attributes) => <select {...more} {...attributes} />}
    </Field>
  );
}

/** Any of some values, of which `checked` are chosen at first. */
export function CheckboxesField(props: Common & { options: readonly string[]; checked: readonly string[] }) {
  const { name, label, hint, options, checked } = props;
  const { error, describedBy } = useNotes(name);
  return (
    <fieldset className="field checkboxes" aria-describedby={describedBy}>
      <legend>{label}</legend>
      {options.map((option) => (
        <label key={option} className="row">
          <input type="checkbox" name={name} value={option} defaultChecked={checked.includes(option)} /> {option}
        </label>
      ))}
      <Notes id={describedBy} hint={hint} error={error} />
    </fieldset>
  );
}

function Field({
  name,
  label,
  hint,
  children,
}: Common & {
  children: (attributes: {
    name: string;
    id: string;
    'aria-describedby': string;
    'aria-invalid': boolean;
  }) => ReactNode;
}) {
  const id = useId();
  const { error, describedBy } = useNotes(name);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ name, id, 'aria-describedby': describedBy, 'aria-invalid': error !== undefined })}
      <Notes id={describedBy} hint={hint} error={error} />
    </div>
  );
}

function useNotes(name: string) {
  return { error: use(FieldErrors)[name], describedBy: useId() };
}

function Notes({ id, hint, error }: { id: string; hint: ReactNode; error: string | undefined }) {
  return (
    <div id={id} className="field-notes">
      {hint}
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}
