import { QueryView } from '../ui/query-view';
import { Select } from '../ui/select';
import { textParameter, useSearchState } from '../ui/use-search-state';
import { AlarmHistory } from './alarm-history';
import { AlarmTable } from './alarm-table';
import { nameInWords } from './alarms';
import { useAlarms } from './use-alarms';

const PARAMETERS = { alarm: textParameter() };

/** Which alarms ring, and which rang. */
export default function AlarmsView() {
  const [{ alarm }, set] = useSearchState(PARAMETERS);
  const alarms = useAlarms();
  return (
    <div className="stack">
      <h2>Alarms</h2>
      <QueryView query={alarms} what="alarms">
        {(known) => (
          <>
            <section className="card">
              <AlarmTable alarms={known.alarms} />
            </section>
            <section className="card stack" aria-labelledby="alarm-history">
              <div className="row spread">
                <h2 id="alarm-history">When they rang</h2>
                <Select
                  label="Alarm"
                  value={alarm}
                  values={['', ...known.alarms.map(({ name }) => name)]}
                  nameOf={(name) => (name ? nameInWords(name) : 'All')}
                  onChange={(alarm) => set({ alarm })}
                />
              </div>
              <AlarmHistory
                episodes={known.history.filter((episode) => !alarm || episode.alarm === alarm)}
                alarms={known.alarms}
              />
            </section>
          </>
        )}
      </QueryView>
    </div>
  );
}
