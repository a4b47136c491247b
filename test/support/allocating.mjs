/**
 * Loaded before a process (`node --import`): a bug that no budget holds. An event that says
 * `{"allocate": "without end"}` fills the heap when it is read.
 */
const parse = JSON.parse;
JSON.parse = (text, ...more) => {
  const value = parse(text, ...more);
  if (value?.allocate === "without end") fillTheHeap();
  return value;
};

function fillTheHeap() {
  const all = [];
  for (;;) all.push(new Array(1_000).fill(0).map(() => Math.random()));
}
