import { Badge, type Tone } from '../ui/badge';
import { type Column, DataTable } from '../ui/data-table';
import { formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { Empty } from '../ui/states';
import { ReportDetails } from './report-details';
import type { Report } from './use-reconciliation';

const STATUS: Record<Report['status'], { label: string; tone: Tone }> = {
  ok: { label: 'Agreed', tone: 'good' },
  repaired: { label: 'Repaired', tone: 'warning' },
  diverged: { label: 'Differs', tone: 'bad' },
};

const COLUMNS: Column<Report>[] = [
  { key: 'at', header: 'Compared', cell: (report) => <Moment at={report.at} /> },
  { key: 'status', header: 'Result', cell: (report) => <Status report={report} /> },
  { key: 'found', header: 'Found', isNumber: true, cell: (report) => formatNumber(report.found) },
  { key: 'left', header: 'Left', isNumber: true, cell: (report) => formatNumber(report.left) },
  { key: 'speed', header: 'Up to batch', isNumber: true, cell: (report) => formatNumber(report.speed) },
  { key: 'lake', header: 'Lake up to', isNumber: true, cell: (report) => formatNumber(report.lake) },
];

/** The newest report as a whole; undefined while there is none. */
export function NewestReport({ report }: { report: Report | undefined }) {
  if (!report) return <Empty>Nothing was compared yet. “Compare now” makes the first report.</Empty>;
  return (
    <>
      <p className="operations-about">
        <Status report={report} /> {sentenceOf(report)} Compared <Moment at={report.at} />, up to batch{' '}
        {formatNumber(report.speed)}.
      </p>
      <ReportDetails report={report} />
    </>
  );
}

export function ReportTable({ reports }: { reports: readonly Report[] }) {
  return (
    <DataTable
      caption="Reports"
      isCaptionHidden
      columns={COLUMNS}
      rows={reports}
      rowKey={(report) => report.at}
      empty="No reports yet."
      details={(report) => <ReportDetails report={report} />}
    />
  );
}

function Status({ report }: { report: Report }) {
  const { label, tone } = STATUS[report.status];
  return <Badge tone={tone}>{label}</Badge>;
}

function sentenceOf({ found, left }: Report): string {
  if (found === 0) return 'Everything agrees.';
  const differences = found === 1 ? '1 difference was' : `${formatNumber(found)} differences were`;
  if (left === 0) return `${differences} found, and all is repaired.`;
  return `${differences} found, ${left === found ? 'and none is repaired' : `${formatNumber(left)} of them are left`}.`;
}
