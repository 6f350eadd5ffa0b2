import { textParameter, useSearchState } from '../ui/use-search-state';
import { EraseButton } from './erase-button';
import { ErasureDetail } from './erasure-detail';
import { ErasureTable } from './erasure-table';
import { Opened } from './opened';

const PARAMETERS = { erasure: textParameter() };

/** Users and sessions whose events go for good. */
export default function ErasuresView() {
  const [{ erasure }, set] = useSearchState(PARAMETERS);
  return (
    <div className="stack">
      <div className="row spread">
        <h2>Erasures</h2>
        <EraseButton onBegun={({ id }) => set({ erasure: id })} />
      </div>
      <p className="muted operations-about">
        All events of a user or a session that were accepted so far go from every place that holds events. A signed
        record says what was removed.
      </p>
      {erasure && (
        <Opened key={erasure} title="Erasure" onClose={() => set({ erasure: '' })}>
          <ErasureDetail id={erasure} />
        </Opened>
      )}
      <ErasureTable onOpen={(id) => set({ erasure: id })} />
    </div>
  );
}
