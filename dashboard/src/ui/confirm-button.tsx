import { type ReactNode, useState } from 'react';
import { Modal } from './modal';
import { Alert } from './states';

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
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const confirm = async (close: () => void) => {
    setIsBusy(true);
    setError(null);
    try {
      await props.action();
      close();
    } catch (failure) {
      setError(failure as Error);
      setIsBusy(false);
    }
  };
  return (
    <Modal title={title} onClose={props.onClose} isBusy={isBusy}>
      {(close) => (
        <>
          <div>{children}</div>
          {error && <Alert>{error.message}</Alert>}
          <div className="row modal-buttons">
            <button type="button" className="button" disabled={isBusy} onClick={close}>
              Cancel
            </button>
            <button
              type="button"
              className={isDangerous ? 'button button-danger' : 'button button-primary'}
              disabled={isBusy || props.isHeld}
              onClick={() => void confirm(close)}
            >
              {isBusy ? 'Please wait …' : confirmLabel}
            </button>
          </div>
        </>
      )}
    </Modal>
  );
}
