import '@testing-library/jest-dom/vitest';
import { afterEach, vi } from 'vitest';

// What jsdom lacks.
vi.stubGlobal('matchMedia', (query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => {},
  removeEventListener: () => {},
}));
vi.stubGlobal(
  'ResizeObserver',
  class {
    constructor(readonly tell: (entries: object[]) => void) {}
    observe() {
      this.tell([{ contentRect: { width: 600, height: 260 } }]);
    }
    unobserve() {}
    disconnect() {}
  },
);
HTMLDialogElement.prototype.showModal = function showModal() {
  this.open = true;
};
HTMLDialogElement.prototype.close = function close() {
  this.open = false;
  this.dispatchEvent(new Event('close'));
};

// Testing Library moves the fake clock by this name.
vi.stubGlobal('jest', { advanceTimersByTime: (milliseconds: number) => vi.advanceTimersByTime(milliseconds) });

const { fetch } = globalThis;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.stubGlobal('fetch', fetch);
  localStorage.clear();
});
