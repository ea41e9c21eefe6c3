/** A node of the list: idle connections hang in it in the order in which they became idle. */
export interface IdleNode<Node> {
  previous: Node | undefined;
  next: Node | undefined;
}

/** A doubly linked list through the nodes themselves, so that taking and giving back cost no allocation. */
export class IdleList<Node extends IdleNode<Node>> {
  /** The node that has been idle longest. */
  oldest: Node | undefined;
  size = 0;
  private newest: Node | undefined;

  append(node: Node): void {
    node.previous = this.newest;
    node.next = undefined;
    if (this.newest === undefined) this.oldest = node;
    else this.newest.next = node;
    this.newest = node;
    this.size++;
  }

  remove(node: Node): void {
    if (node.previous === undefined) this.oldest = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.newest = node.previous;
    else node.next.previous = node.previous;
    node.previous = undefined;
    node.next = undefined;
    this.size--;
  }
}
