import { useSyncExternalStore } from 'react';

/** Whether the page can be seen: its tab is the one that is shown. */
export function useIsVisible(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState !== 'hidden');
}

function subscribe(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}
