import type { UseQueryResult } from '@tanstack/react-query';
import { Link } from 'react-router';
import { Badge } from '../ui/badge';
import { Loading } from '../ui/states';
import type { Alarm } from './alarms';
import { type Finding, findings } from './health';
import type { Reason } from './use-readiness';

interface Props {
  readiness: UseQueryResult<Reason>;
  alarms: UseQueryResult<{ alarms: Alarm[] }>;
}

/** Whether all is well, and else what is not, the worst first. */
export function HealthSummary({ readiness, alarms }: Props) {
  const error = readiness.error ?? alarms.error;
  if (error) return <Findings found={[{ key: 'error', tone: 'bad', sentence: error.message }]} />;
  if (readiness.data === undefined || !alarms.data) return <Loading what="the health of the system" />;
  return <Findings found={findings(readiness.data, alarms.data.alarms)} />;
}

function Findings({ found }: { found: Finding[] }) {
  if (found.length === 0) {
    return (
      <p className="card health-summary health-good" role="status">
        Everything is in order.
      </p>
    );
  }
  return (
    <section className="card stack health-summary" role="status" aria-label="What is not in order">
      <ul className="health-findings">
        {found.map(({ key, tone, sentence }) => (
          <li key={key}>
            <Badge tone={tone}>{tone === 'bad' ? 'Bad' : 'Watch'}</Badge> {sentence}
          </li>
        ))}
      </ul>
      <Link to="/operations/alarms">What to do about it</Link>
    </section>
  );
}
