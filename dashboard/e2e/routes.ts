/** Every page of the dashboard, as somebody may come to it. */

import { world } from './world';

export interface Route {
  name: string;
  path: string;
  heading: RegExp;
}

const VIEWS = [
  'health',
  'alarms',
  'jobs',
  'workflows',
  'dead-letters',
  'reconciliation',
  'ledger',
  'clients',
  'write-keys',
  'users',
  'erasures',
];

export const ROUTES: Route[] = [
  { name: 'live', path: '/live?minutes=60', heading: /Live/ },
  { name: 'explore', path: '/explore', heading: /Explore/ },
  { name: 'session', path: `/explore/sessions/${world.session}`, heading: /Session/ },
  { name: 'user', path: `/explore/users/${world.user}`, heading: /User/ },
  { name: 'sql', path: '/sql', heading: /SQL/ },
  ...VIEWS.map((view) => ({ name: `operations-${view}`, path: `/operations/${view}`, heading: /Operations/ })),
];
