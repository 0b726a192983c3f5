/** Numbers, times and names as people read them. */

/** "4s", "3m 20s", "2h 05m" */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${pad(whole % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
}

/** "950", "12.3k", "4.56M" */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return "?";
  if (count < 1000) return String(Math.round(count));
  const units = ["k", "M", "G", "T"];
  let value = count;
  let unit = "";
  for (let index = 0; value >= 999.5 && index < units.length; index++) {
    value /= 1000;
    unit = units[index] as string;
  }
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}${unit}`;
}

/** "12.3 MiB" */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** "52,002", in every locale alike */
export function formatWhole(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A loss with four decimals; JSON turns NaN into null on its way through files. */
export function formatLoss(loss: number | null | undefined): string {
  return loss === undefined || loss === null || Number.isNaN(loss) ? "nan" : loss.toFixed(4);
}

/** "sft 1.2345  dpo 0.6931" */
export function formatLosses(losses: Readonly<Record<string, number>>): string {
  return Object.entries(losses)
    .map(([name, loss]) => `${name} ${formatLoss(loss)}`)
    .join("  ");
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
