// Brings vectors into the plane. Pure functions on typed arrays: `rows` vectors of `dim` floats, one after the other.

// The two directions of greatest variance, by power iteration with deflation. Gives rows x 2.
export function principalComponents(vectors, rows, dim) {
  const centred = centre(vectors, rows, dim);
  const axes = [];
  const plane = new Float32Array(rows * 2);
  for (let axis = 0; axis < 2; ++axis) {
    const direction = mainDirection(centred, rows, dim, axes);
    axes.push(direction);
    for (let i = 0; i < rows; ++i) plane[2 * i + axis] = dot(centred, i * dim, direction, 0, dim);
  }
  return plane;
}

function centre(vectors, rows, dim) {
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows; ++i) for (let j = 0; j < dim; ++j) mean[j] += vectors[i * dim + j];
  const centred = new Float32Array(rows * dim);
  for (let i = 0; i < rows; ++i) for (let j = 0; j < dim; ++j) centred[i * dim + j] = vectors[i * dim + j] - mean[j] / rows;
  return centred;
}

function mainDirection(centred, rows, dim, found) {
  let direction = Float32Array.from({ length: dim }, (_, j) => Math.sin(j + 1 + found.length * 7));
  for (let round = 0; round < 60; ++round) {
    const next = new Float32Array(dim);
    for (let i = 0; i < rows; ++i) {
      const along = dot(centred, i * dim, direction, 0, dim);
      for (let j = 0; j < dim; ++j) next[j] += along * centred[i * dim + j];
    }
    for (const other of found) {
      const shared = dot(next, 0, other, 0, dim);
      for (let j = 0; j < dim; ++j) next[j] -= shared * other[j];
    }
    const length = Math.sqrt(dot(next, 0, next, 0, dim)) || 1;
    let change = 0;
    for (let j = 0; j < dim; ++j) {
      next[j] /= length;
      change += Math.abs(next[j] - direction[j]);
    }
    direction = next;
    if (change < 1e-4) break;
  }
  return direction;
}

function dot(a, aBegin, b, bBegin, dim) {
  let sum = 0;
  for (let j = 0; j < dim; ++j) sum += a[aBegin + j] * b[bBegin + j];
  return sum;
}

// A small pseudo-random generator (mulberry32), so that a map looks the same twice.
export function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// Squared Euclidean distances to the `k` nearest other rows. Gives [{index, distance}] a row, nearest first.
export function nearestNeighbours(vectors, rows, dim, k, progress = () => {}) {
  const norms = new Float32Array(rows);
  for (let i = 0; i < rows; ++i) norms[i] = dot(vectors, i * dim, vectors, i * dim, dim);
  const lists = Array.from({ length: rows }, () => []);
  const offer = (list, index, distance) => {
    if (list.length === k && distance >= list[k - 1].distance) return;
    let at = list.length === k ? k - 1 : list.length;
    while (at > 0 && list[at - 1].distance > distance) {
      list[at] = list[at - 1];
      --at;
    }
    list[at] = { index, distance };
  };
  for (let i = 0; i < rows; ++i) {
    for (let j = 0; j < i; ++j) {
      const distance = Math.max(norms[i] + norms[j] - 2 * dot(vectors, i * dim, vectors, j * dim, dim), 0);
      offer(lists[i], j, distance);
      offer(lists[j], i, distance);
    }
    if (i % 64 === 0) progress(((i / rows) ** 2) * 0.7);
  }
  return lists;
}

// How strongly neighbours hold together: 1 for the nearest, falling so that the weights of a row sum to log2(k)
// (McInnes, Healy, Melville: UMAP, 2018, section 3.1).
export function neighbourWeights(list) {
  const distances = list.map((one) => Math.sqrt(one.distance));
  const nearest = distances[0] ?? 0;
  const wanted = Math.log2(Math.max(list.length, 2));
  let low = 0;
  let high = Infinity;
  let scale = 1;
  for (let round = 0; round < 40; ++round) {
    let sum = 0;
    for (const distance of distances) sum += Math.exp(-Math.max(distance - nearest, 0) / scale);
    if (Math.abs(sum - wanted) < 1e-4) break;
    if (sum > wanted) high = scale;
    else low = scale;
    scale = high === Infinity ? scale * 2 : (low + high) / 2;
  }
  return distances.map((distance) => Math.exp(-Math.max(distance - nearest, 0) / scale));
}

// Draws neighbours together and pushes random pairs apart, from `start` (rows x 2) on: the layout of UMAP (section 3.2) with its
// curve 1 / (1 + a d^(2b)) for a least distance of .1 (a = 1.577, b = .895).
export function neighbourLayout(vectors, rows, dim, start, progress = () => {}, rounds = 200, k = 12) {
  const a = 1.577;
  const b = 0.895;
  const lists = nearestNeighbours(vectors, rows, dim, Math.min(k, rows - 1), progress);
  const random = generator(7);
  const plane = spread(start, rows);
  const edges = [];
  lists.forEach((list, i) => {
    const weights = neighbourWeights(list);
    list.forEach((one, at) => edges.push([i, one.index, weights[at]]));
  });
  const clip = (value) => Math.max(-4, Math.min(4, value));
  for (let round = 0; round < rounds; ++round) {
    const rate = 1 - round / rounds;
    for (const [i, j, weight] of edges) {
      if (random() > weight) continue;
      pull(plane, i, j, rate, a, b, clip);
      for (let other = 0; other < 4; ++other) push(plane, i, Math.floor(random() * rows), rate, a, b, clip);
    }
    if (round % 8 === 0) progress(0.7 + (round / rounds) * 0.3);
  }
  return plane;
}

function spread(start, rows) {
  let widest = 0;
  for (const value of start) widest = Math.max(widest, Math.abs(value));
  const random = generator(3);
  return Float32Array.from({ length: rows * 2 }, (_, i) => (start[i] / (widest || 1)) * 10 + (random() - 0.5) * 1e-3);
}

function pull(plane, i, j, rate, a, b, clip) {
  const dx = plane[2 * i] - plane[2 * j];
  const dy = plane[2 * i + 1] - plane[2 * j + 1];
  const square = dx * dx + dy * dy;
  if (square === 0) return;
  const force = (-2 * a * b * square ** (b - 1)) / (1 + a * square ** b);
  const moveX = clip(force * dx) * rate;
  const moveY = clip(force * dy) * rate;
  plane[2 * i] += moveX;
  plane[2 * i + 1] += moveY;
  plane[2 * j] -= moveX;
  plane[2 * j + 1] -= moveY;
}

function push(plane, i, j, rate, a, b, clip) {
  if (i === j) return;
  const dx = plane[2 * i] - plane[2 * j];
  const dy = plane[2 * i + 1] - plane[2 * j + 1];
  const square = dx * dx + dy * dy;
  const force = (2 * b) / ((0.001 + square) * (1 + a * square ** b));
  plane[2 * i] += clip(force * dx) * rate;
  plane[2 * i + 1] += clip(force * dy) * rate;
}
