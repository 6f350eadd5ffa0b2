import { QueryView } from '../ui/query-view';
import { Select } from '../ui/select';
import { choice, useSearchState } from '../ui/use-search-state';
import { HealthCharts } from './health-charts';
import { HealthSummary } from './health-summary';
import { Layers } from './layers';
import { useAlarms } from './use-alarms';
import { useHealthHistory } from './use-health-history';
import { useReadiness } from './use-readiness';
import './health-view.css';

const RANGES = { 1: '1 hour', 6: '6 hours', 24: '24 hours', 168: '7 days' } as const;
const HOURS = [1, 6, 24, 168] as const;
const PARAMETERS = { hours: choice(HOURS, 1) };

/** How each layer is, now and over time. */
export default function HealthView() {
  const [{ hours }, set] = useSearchState(PARAMETERS);
  const readiness = useReadiness();
  const alarms = useAlarms();
  const now = useHealthHistory(1);
  const history = useHealthHistory(hours);
  return (
    <div className="stack">
      <h2>Health</h2>
      <HealthSummary readiness={readiness} alarms={alarms} />
      <QueryView query={alarms} what="the state of the layers">
        {(known) => <Layers reason={readiness.data ?? null} alarms={known.alarms} now={now.data} />}
      </QueryView>
      <div className="row spread">
        <h2>Over time</h2>
        <Select
          label="Last"
          isInline
          value={hours}
          values={HOURS}
          nameOf={(count) => RANGES[count]}
          onChange={(hours) => set({ hours })}
        />
      </div>
      <QueryView query={history} what="the history">
        {(series) => <HealthCharts history={series} />}
      </QueryView>
    </div>
  );
}
