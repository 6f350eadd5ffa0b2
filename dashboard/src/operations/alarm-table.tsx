import { Link } from 'react-router';
import { Ago } from '../ui/ago';
import { Badge } from '../ui/badge';
import { type Column, DataTable } from '../ui/data-table';
import {
  type Alarm,
  type AlarmName,
  inWords,
  nameInWords,
  type Standing,
  standing,
  thresholdInWords,
  worstFirst,
} from './alarms';
import { toneOf } from './health';
import { Prose } from './prose';
import './operations-table.css';

const WORDS: Record<Standing, string> = { ringing: 'Rings', near: 'Near', calm: 'Calm', unknown: 'Not known' };

/** Where in the dashboard something can be done about it. */
const PLACES: Partial<Record<AlarmName, { to: string; title: string }>> = {
  dead_letters: { to: '/operations/dead-letters', title: 'dead letters' },
  job_failures: { to: '/operations/jobs', title: 'jobs' },
  workflow_failures: { to: '/operations/workflows?status=failed', title: 'workflows' },
  reconciliation: { to: '/operations/reconciliation', title: 'reconciliation' },
};

const COLUMNS: Column<Alarm>[] = [
  { key: 'state', header: 'State', cell: (alarm) => <Badge tone={toneOf(alarm)}>{WORDS[standing(alarm)]}</Badge> },
  {
    key: 'alarm',
    header: 'Alarm',
    cell: (alarm) => (
      <div className="wide-cell">
        <Link to={`?alarm=${alarm.name}`} preventScrollReset>
          {nameInWords(alarm.name)}
        </Link>
        <div className="muted">
          <Prose text={alarm.episode?.sentence ?? alarm.watches} />
        </div>
      </div>
    ),
  },
  { key: 'since', header: 'Since', cell: ({ episode }) => (episode ? <Ago at={episode.raised_at} /> : '–') },
  {
    key: 'value',
    header: 'Value',
    cell: (alarm) => (
      <>
        {alarm.value === null ? '–' : inWords(alarm.value, alarm.unit)}
        <div className="muted">{thresholdInWords(alarm)}</div>
      </>
    ),
  },
  {
    key: 'todo',
    header: 'What to do when it rings',
    cell: (alarm) => (
      <div className="wide-cell">
        <Prose text={alarm.todo} /> <Place alarm={alarm} />
      </div>
    ),
  },
];

/** All alarms, the worst first. */
export function AlarmTable({ alarms }: { alarms: readonly Alarm[] }) {
  return (
    <DataTable
      caption="Alarms, the worst first"
      columns={COLUMNS}
      rows={worstFirst(alarms)}
      rowKey={(alarm) => alarm.name}
    />
  );
}

function Place({ alarm: { name, state } }: { alarm: Alarm }) {
  const place = PLACES[name];
  return state === 'raised' && place ? <Link to={place.to}>Go to {place.title}</Link> : null;
}
