import { take } from '../api/client';
import type { components } from '../api/schema';
import { useChange } from './use-change';

type EraseRequest = components['schemas']['EraseRequest'];

/** Begins an erasure. What is erased is kept nowhere: a keyed hash stands for it from then on. */
export function useErase() {
  return useChange('jobs', (api, body: EraseRequest) => take(api.POST('/v1/erase', { body })));
}
