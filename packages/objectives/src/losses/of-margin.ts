/** A loss of one pair as a function of its margin m = reward(chosen) − reward(rejected), and its derivative there. */
export interface OfMargin {
  loss: number;
  /** ∂loss/∂m */
  slope: number;
}
