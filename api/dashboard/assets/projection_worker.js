// Computes maps beside the page. In: {vectors, rows, dim, kind}; out: {progress} and at the end {plane}.

import { neighbourLayout, principalComponents } from "./projection.js";

onmessage = ({ data: { vectors, rows, dim, kind } }) => {
  const progress = (share) => postMessage({ progress: share });
  let plane = principalComponents(vectors, rows, dim);
  if (kind === "neighbours") plane = neighbourLayout(vectors, rows, dim, plane, progress);
  postMessage({ plane }, [plane.buffer]);
};
