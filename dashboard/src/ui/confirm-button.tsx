import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import './confirm-button.css';

interface Props {
  /** What stands on the button. */
  label: string;
  /** The question, as `Purge this letter?`. */
  title: string;
  /** What will happen, in a sentence or more. */
  children: ReactNode;
  /** What stands on the button that does it. */
  confirmLabel?: string;
  isDangerous?: boolean;
  isDisabled?: boolean;
  /** It can be called off, but not yet done: for example something is still being looked up. */
  isHeld?: boolean;
  onOpen?: () => void;
  /** What is done; when it fails, the dialog stays and says why. */
  action: () => Promise<unknown>;
}

/** A button that asks before it does something. */
export function ConfirmButton(props: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const open = () => {
    setIsOpen(true);
    props.onOpen?.();
  };
  return (
    <>
      <button
        type="button"
        className={props.isDangerous ? 'button button-danger' : 'button'}
        aria-haspopup="dialog"
        disabled={props.isDisabled}
        onClick={open}
      >
        {props.label}
      </button>
      {isOpen && <ConfirmDialog {...props} onClose={() => setIsOpen(false)} />}
    </>
  );
}

function ConfirmDialog(props: Props & { onClose: () => void }) {
  const { title, children, confirmLabel = props.label, isDangerous } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const titleId = useId();
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  const confirm = async () => {
    setIsBusy(true);
    setError(null);
    try {
      await props.action();
      dialog.current?.close();
    } catch (failure) {
      setError(failure as Error);
      setIsBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      className="confirm"
      aria-labelledby={titleId}
      onClose={props.onClose}
      onCancel={(event) => isBusy && event.preventDefault()}
    >
      <h2 id={titleId}>{title}</h2>
      <div>{children}</div>
      {error && (
        <p className="confirm-failure" role="alert">
          {error.message}
        </p>
      )}
      <div className="row confirm-buttons">
        <button type="button" className="button" disabled={isBusy} onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button
          type="button"
          className={isDangerous ? 'button button-danger' : 'button button-primary'}
          disabled={isBusy || props.isHeld}
          onClick={() => void confirm()}
        >
          {isBusy ? 'Please wait …' : confirmLabel}
        </button>
      </div>
    </dialog>
  );
}
