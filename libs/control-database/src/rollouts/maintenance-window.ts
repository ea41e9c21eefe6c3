import type { MaintenanceWindow } from './rollout-plan.js';

const dayMs = 86_400_000;

/**
 * When the window is open next, at or after `now`: `now` itself while it is open. A window whose end is not after its
 * beginning ends on the day after; one without days is there every day.
 */
export function nextOpening(window: MaintenanceWindow, now: Date): Date {
  return new Date(Math.max(nextStretch(window, now).opens, now.getTime()));
}

/** When the window that is open at `now`, or else the next one, closes. */
export function nextClosing(window: MaintenanceWindow, now: Date): Date {
  return new Date(nextStretch(window, now).closes);
}

/** The first stretch of the window that has not ended at `now`. */
function nextStretch(window: MaintenanceWindow, now: Date): { opens: number; closes: number } {
  const [from, until] = [minutesOf(window.from) * 60_000, minutesOf(window.until) * 60_000];
  const lengthMs = until > from ? until - from : until - from + dayMs;
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  // From yesterday, whose window may reach into today, to this day next week.
  for (let day = today - dayMs; day <= today + 7 * dayMs; day += dayMs) {
    const opens = day + from;
    if (isDay(window, day) && opens + lengthMs > now.getTime()) return { opens, closes: opens + lengthMs };
  }
  throw new RangeError(`A maintenance window has days from 0 to 6, not ${window.days.join(', ')}.`);
}

const isDay = ({ days }: MaintenanceWindow, day: number): boolean =>
  days.length === 0 || days.includes(new Date(day).getUTCDay());

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
}
