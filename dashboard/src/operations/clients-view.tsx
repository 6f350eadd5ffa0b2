import type { Column } from '../ui/data-table';
import { AccessList, type OnSecret } from './access-list';
import { AddClient, LimitClient, RemoveClient, RotateClient } from './client-actions';
import { APP, LIMIT, Lines, MADE, nameColumn } from './credential-columns';
import { type Client, useClients } from './use-clients';

/** Programs that have an id and a secret of their own. */
export default function ClientsView() {
  return (
    <AccessList
      title="Clients"
      about="A client is a program that exchanges its id and secret for tokens, which may do what its scopes say."
      query={useClients()}
      rowKey={(client) => client.client_id}
      add={(onSecret) => <AddClient onSecret={onSecret} />}
      columns={columns}
    />
  );
}

function columns(onSecret: OnSecret): Column<Client>[] {
  return [
    nameColumn((client) => client.client_id),
    APP,
    { key: 'scopes', header: 'Scopes', cell: (client) => <Lines of={client.scopes} /> },
    LIMIT,
    MADE,
    {
      key: 'actions',
      header: 'Actions',
      cell: (client) => (
        <div className="row actions">
          <LimitClient client={client} />
          <RotateClient client={client} onSecret={onSecret} />
          <RemoveClient client={client} />
        </div>
      ),
    },
  ];
}
