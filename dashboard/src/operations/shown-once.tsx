import type { ReactNode } from 'react';
import { CopyField } from '../ui/copy-field';
import { Modal } from '../ui/modal';

/** What the server tells once; whoever holds it forgets it when its dialog closes. */
export interface Secret {
  title: string;
  values: readonly { label: string; value: string }[];
  note?: ReactNode;
}

export function ShownOnce({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  return (
    <Modal title={secret.title} onClose={onClose}>
      {(close) => (
        <>
          <p>
            <strong>This is shown once.</strong> Copy it to where it is needed now: it cannot be shown again.
          </p>
          {secret.values.map(({ label, value }) => (
            <CopyField key={label} label={label} value={value} />
          ))}
          {secret.note && <p>{secret.note}</p>}
          <div className="row modal-buttons">
            <button type="button" className="button button-primary" onClick={close}>
              Close
            </button>
          </div>
        </>
      )}
    </Modal>
  );
}
