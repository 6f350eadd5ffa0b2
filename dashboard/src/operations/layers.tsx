import type { ReactNode } from 'react';
import { Badge, type Tone } from '../ui/badge';
import { formatBytes, formatNumber } from '../ui/format';
import { StatCard, StatCards } from '../ui/stat-card';
import { type Alarm, type AlarmName, inWords, thresholdInWords } from './alarms';
import { type HealthSeries, newest, toneOf, worstTone } from './health';
import type { Reason } from './use-readiness';

interface Props {
  reason: Reason;
  alarms: readonly Alarm[];
  /** The last hour; its newest minute is now. */
  now: HealthSeries | undefined;
}

/** How the live counters, the lake and the API stand now. */
export function Layers({ reason, alarms, now }: Props) {
  const known = new Map(alarms.map((alarm) => [alarm.name, alarm]));
  const card = (name: AlarmName, label: string, show?: (value: number) => string) => (
    <AlarmCard alarm={known.get(name)} label={label} show={show} />
  );
  const tones = (...names: AlarmName[]) => names.map((name) => toneOfKnown(known.get(name)));
  const still = (layer: string): Tone => (reason?.startsWith(`${layer} `) ? 'bad' : 'good');
  const measured = (name: string, format: (value: number) => string) => {
    const value = now ? newest(now, name) : null;
    return value === null ? '–' : format(value);
  };
  return (
    <div className="health-layers">
      <Layer name="Live counters" tone={worstTone([still('speed'), ...tones('speed_lag', 'speed_backlog')])}>
        {card('speed_lag', 'Lag')}
        {card('speed_backlog', 'Backlog', formatNumber)}
      </Layer>
      <Layer name="Lake" tone={worstTone([still('lake'), ...tones('lake_lag', 'lake_backlog')])}>
        {card('lake_lag', 'Lag')}
        {card('lake_backlog', 'Backlog', formatNumber)}
      </Layer>
      <Layer name="API" tone={worstTone([reason ? 'bad' : 'good', ...tones('refusing', 'rejects', 'failed_requests')])}>
        <StatCard label="Events a second" value={measured('events_per_second', rate)} detail="accepted, last minute" />
        {card('rejects', 'Rejected')}
        {card('failed_requests', 'Failed requests', formatNumber)}
      </Layer>
      <Layer name="Disk" tone={worstTone(tones('disk_free', 'journal_full'))}>
        {card('disk_free', 'Free disk', () => measured('free_bytes', formatBytes))}
        {card('journal_full', 'Journal', () => measured('journal_bytes', formatBytes))}
      </Layer>
    </div>
  );
}

function Layer({ name, tone, children }: { name: string; tone: Tone; children: ReactNode }) {
  return (
    <div className="stack health-layer">
      <h3 className="row">
        {name} <Badge tone={tone}>{WORDS[tone]}</Badge>
      </h3>
      <StatCards label={name}>{children}</StatCards>
    </div>
  );
}

const WORDS: Record<Tone, string> = { good: 'In order', warning: 'Watch', bad: 'Not in order' };

/** What an alarm watches, in words or as `show` has it. */
function AlarmCard({ alarm, label, show }: { alarm?: Alarm; label: string; show?: (value: number) => string }) {
  if (!alarm) return null;
  const words = show ?? ((value: number) => inWords(value, alarm.unit));
  const value = alarm.value === null ? '–' : words(alarm.value);
  return <StatCard label={label} value={value} detail={thresholdInWords(alarm)} tone={toneOfKnown(alarm)} />;
}

function toneOfKnown(alarm: Alarm | undefined): Tone | undefined {
  return alarm && toneOf(alarm);
}

function rate(perSecond: number): string {
  return formatNumber(perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond));
}
