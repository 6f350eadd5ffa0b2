import { type ReactNode, type SubmitEvent, useState } from 'react';
import { FieldErrors, type Refusal, refusalOf } from './fields';
import { Modal } from './modal';
import { Alert } from './states';

interface Props<Result> {
  /** What stands on the button that opens the form. */
  label: string;
  title: string;
  submitLabel: string;
  /** How much the button that opens it, and what it does, stand out. */
  look?: 'primary' | 'danger';
  /** What is done with the form; when it fails, the form stays and says why, at the fields concerned. */
  onSubmit: (form: FormData) => Promise<Result>;
  /** Called once the form has closed. */
  onDone?: (result: Result) => void;
  children: ReactNode;
}

/** A button that opens a form. */
export function FormButton<Result>(props: Props<Result>) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className={props.look ? `button button-${props.look}` : 'button'}
        aria-haspopup="dialog"
        onClick={() => setIsOpen(true)}
      >
        {props.label}
      </button>
      {isOpen && <FormDialog {...props} onClose={() => setIsOpen(false)} />}
    </>
  );
}

function FormDialog<Result>(props: Props<Result> & { onClose: () => void }) {
  const [isBusy, setIsBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>({ fields: {} });
  const submit = async (event: SubmitEvent<HTMLFormElement>, close: () => void) => {
    event.preventDefault();
    const form = event.currentTarget;
    setIsBusy(true);
    setRefusal({ fields: {} });
    try {
      const result = await props.onSubmit(new FormData(form));
      close();
      props.onDone?.(result);
    } catch (failure) {
      setRefusal(refusalOf(failure as Error, (name) => form.elements.namedItem(name) !== null));
      setIsBusy(false);
    }
  };
  return (
    <Modal title={props.title} onClose={props.onClose} isBusy={isBusy}>
      {(close) => (
        <form className="stack" onSubmit={(event) => void submit(event, close)}>
          <FieldErrors value={refusal.fields}>{props.children}</FieldErrors>
          {refusal.message && <Alert>{refusal.message}</Alert>}
          <div className="row modal-buttons">
            <button type="button" className="button" disabled={isBusy} onClick={close}>
              Cancel
            </button>
            <button type="submit" className={`button button-${props.look ?? 'primary'}`} disabled={isBusy}>
              {isBusy ? 'Please wait …' : props.submitLabel}
            </button>
          </div>
        </form>
      )}
    </Modal>
  );
}
