import { Badge } from '../ui/badge';
import { type Column, DataTable } from '../ui/data-table';
import { formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { Prose } from './prose';
import type { Difference, FileFault, Report } from './use-reconciliation';

const LAYERS: Record<Difference['layer'], string> = { speed: 'Live counters', batch: 'Silver' };
const KINDS: Record<Difference['kind'], string> = {
  lost: 'too few',
  doubled: 'too many',
  'lost-sketch': 'sessions cannot be counted',
  'dead-lettered': 'in dead letters',
};
const COMPARED: Record<string, string> = {
  speed_minutes: 'minutes of live counters',
  batch_minutes: 'minutes of silver',
  batch_hours: 'hours of silver',
  silver_files: 'silver files',
  bronze_objects: 'bronze objects',
  bronze_objects_read: 'of them read',
};

const DIFFERENCES: Column<Difference>[] = [
  { key: 'when', header: 'Minute or hour', cell: ({ minute, hour }) => <When minute={minute} hour={hour} /> },
  { key: 'layer', header: 'Layer', cell: ({ layer }) => LAYERS[layer] },
  { key: 'type', header: 'Type', cell: ({ event_type }) => event_type ?? 'all' },
  { key: 'app', header: 'App', cell: ({ app }) => app ?? 'all' },
  { key: 'expected', header: 'Expected', isNumber: true, cell: ({ expected }) => formatNumber(expected) },
  { key: 'found', header: 'Found', isNumber: true, cell: ({ found }) => formatNumber(found) },
  { key: 'by', header: 'By', isNumber: true, cell: ({ expected, found }) => signed(found - expected) },
  { key: 'kind', header: 'What', cell: ({ kind }) => KINDS[kind] },
  { key: 'repaired', header: 'Now', cell: ({ repaired }) => <Repaired is={repaired} /> },
];
const EXPLAINED = DIFFERENCES.filter(({ key }) => key !== 'repaired');

const FILES: Column<FileFault>[] = [
  { key: 'path', header: 'File', cell: ({ path }) => <span className="mono">{path}</span> },
  { key: 'store', header: 'Store', cell: ({ store }) => store },
  { key: 'kind', header: 'What', cell: ({ kind }) => kind },
  { key: 'events', header: 'Events', isNumber: true, cell: ({ events }) => formatNumber(events) },
  { key: 'repaired', header: 'Now', cell: ({ repaired }) => <Repaired is={repaired} /> },
];

/** What a report says beyond its result: what differs, what was compared, what to do. */
export function ReportDetails({ report }: { report: Report }) {
  return (
    <div className="stack">
      <Sentences title="What to do" sentences={report.todo} />
      <Sentences title="Gaps of the ledger" sentences={report.ledger_gaps} />
      {report.differences.length > 0 && (
        <DataTable
          caption={`What differs${ofAll(report)}`}
          columns={DIFFERENCES}
          rows={report.differences}
          rowKey={(_, index) => index}
        />
      )}
      {report.files.length > 0 && (
        <DataTable caption="Faulty files" columns={FILES} rows={report.files} rowKey={({ path }) => path} />
      )}
      {report.explained.length > 0 && (
        <DataTable
          caption="Differences that dead letters explain"
          columns={EXPLAINED}
          rows={report.explained}
          rowKey={(_, index) => index}
        />
      )}
      <p className="muted reconcile-compared">
        Compared: {comparedOf(report)}. Minute by minute since <Moment at={report.minutes_from} />, before that hour by
        hour; silver up to batch {formatNumber(report.lake)} of journal <span className="mono">{report.journal}</span>.
      </p>
    </div>
  );
}

function Sentences({ title, sentences }: { title: string; sentences: readonly string[] }) {
  if (sentences.length === 0) return null;
  return (
    <div className="reconcile-sentences">
      <strong>{title}</strong>
      <ul>
        {sentences.map((sentence) => (
          <li key={sentence}>
            <Prose text={sentence} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function When({ minute, hour }: { minute?: string | null | undefined; hour?: string | null | undefined }) {
  if (minute) return <Moment at={minute} />;
  return hour ? (
    <>
      hour from <Moment at={hour} />
    </>
  ) : (
    '–'
  );
}

function Repaired({ is }: { is: boolean }) {
  return <Badge tone={is ? 'good' : 'bad'}>{is ? 'repaired' : 'open'}</Badge>;
}

function ofAll({ differences, files, ledger_gaps, found }: Report): string {
  const all = found - files.length - ledger_gaps.length;
  return differences.length < all ? `: the first ${formatNumber(differences.length)}` : '';
}

function comparedOf({ compared }: Report): string {
  return Object.entries(compared)
    .map(([what, count]) => `${formatNumber(count)} ${COMPARED[what] ?? what}`)
    .join(', ');
}

/** `+3`, `−3`. */
function signed(value: number): string {
  return value < 0 ? `−${formatNumber(-value)}` : `+${formatNumber(value)}`;
}
