import { type ReactNode, useEffect, useId, useRef } from 'react';
import './modal.css';

interface Props {
  title: string;
  /** It was closed, by `close` or with Escape: from now on it must not be shown. */
  onClose: () => void;
  /** Escape does nothing. */
  isBusy?: boolean;
  children: (close: () => void) => ReactNode;
}

/** A dialog before everything else, open as long as it is shown; afterwards the focus is where it was before. */
export function Modal({ title, onClose, isBusy = false, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="modal"
      aria-labelledby={titleId}
      onClose={onClose}
      onCancel={(event) => isBusy && event.preventDefault()}
    >
      <h2 id={titleId}>{title}</h2>
      {children(() => dialog.current?.close())}
    </dialog>
  );
}
