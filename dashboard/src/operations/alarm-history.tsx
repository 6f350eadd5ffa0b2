import { Badge } from '../ui/badge';
import { type Column, DataTable } from '../ui/data-table';
import { formatDuration } from '../ui/format';
import { Moment } from '../ui/moment';
import { type Alarm, type Episode, inWords, nameInWords } from './alarms';
import './operations-table.css';

interface Props {
  episodes: readonly Episode[];
  alarms: readonly Alarm[];
}

/** When alarms rang, the newest first. */
export function AlarmHistory({ episodes, alarms }: Props) {
  const units = new Map(alarms.map(({ name, unit }) => [name, unit]));
  const columns: Column<Episode>[] = [
    { key: 'raised', header: 'Raised', cell: (episode) => <Moment at={episode.raised_at} /> },
    { key: 'alarm', header: 'Alarm', cell: (episode) => nameInWords(episode.alarm) },
    { key: 'rang', header: 'Rang for', cell: rangFor },
    { key: 'worst', header: 'Worst', cell: (episode) => inWords(episode.value, units.get(episode.alarm) ?? '') },
    { key: 'judged', header: 'Judged', cell: (episode) => <Judged episode={episode} /> },
    { key: 'sentence', header: 'What was said', cell: ({ sentence }) => <div className="wide-cell">{sentence}</div> },
  ];
  return (
    <DataTable
      caption="When alarms rang, the newest first"
      isCaptionHidden
      columns={columns}
      rows={episodes}
      rowKey={(episode) => `${episode.raised_at} ${episode.alarm}`}
      empty="It has not rung."
    />
  );
}

function rangFor({ raised_at, cleared_at }: Episode): string {
  if (!cleared_at) return 'still rings';
  return formatDuration((Date.parse(cleared_at) - Date.parse(raised_at)) / 1000);
}

/** What the batch layer, which knows more, has said of it. */
function Judged({ episode: { late, judged } }: { episode: Episode }) {
  if (late) return <Badge tone="warning">raised late</Badge>;
  if (judged === 'withdrawn') return <Badge tone="good">withdrawn</Badge>;
  if (judged === 'confirmed') return <Badge tone="bad">confirmed</Badge>;
  return <span className="muted">–</span>;
}
