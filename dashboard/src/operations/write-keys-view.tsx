import type { Column } from '../ui/data-table';
import { AccessList, type OnSecret } from './access-list';
import { APP, LIMIT, Lines, MADE, nameColumn } from './credential-columns';
import { useWriteKeys, type WriteKey } from './use-write-keys';
import { AddWriteKey, ChangeWriteKey, RemoveWriteKey, RotateWriteKey } from './write-key-actions';

/** Keys that web pages and apps send events with. */
export default function WriteKeysView() {
  return (
    <AccessList
      title="Write keys"
      about="A write key stands in a page that everybody can read: it sends events from its origins, and does nothing else."
      query={useWriteKeys()}
      rowKey={(key) => key.key_id}
      add={(onSecret) => <AddWriteKey onSecret={onSecret} />}
      columns={columns}
    />
  );
}

function columns(onSecret: OnSecret): Column<WriteKey>[] {
  return [
    nameColumn((key) => key.key_id),
    APP,
    { key: 'origins', header: 'Origins', cell: (key) => <Lines of={key.origins} /> },
    LIMIT,
    MADE,
    {
      key: 'actions',
      header: 'Actions',
      cell: (key) => (
        <div className="row actions">
          <ChangeWriteKey writeKey={key} />
          <RotateWriteKey writeKey={key} onSecret={onSecret} />
          <RemoveWriteKey writeKey={key} />
        </div>
      ),
    },
  ];
}
