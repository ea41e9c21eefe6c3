/** How much may be done at the same time: in all, and on one cluster. */
export class ClusterSlots {
  private readonly taken = new Map<string, number>();
  private takenInAll = 0;

  constructor(
    private readonly inAll: number,
    private readonly perCluster: number,
  ) {}

  get isFull(): boolean {
    return this.takenInAll >= this.inAll;
  }

  get isEmpty(): boolean {
    return this.takenInAll === 0;
  }

  /** Takes a slot on the cluster, which has no more than `room` of them; false when there is none. */
  take(clusterId: string, room = Infinity): boolean {
    const taken = this.taken.get(clusterId) ?? 0;
    if (this.isFull || taken >= Math.min(this.perCluster, room)) return false;
    this.taken.set(clusterId, taken + 1);
    this.takenInAll++;
    return true;
  }

  giveBack(clusterId: string): void {
    this.taken.set(clusterId, (this.taken.get(clusterId) ?? 1) - 1);
    this.takenInAll--;
  }
}
