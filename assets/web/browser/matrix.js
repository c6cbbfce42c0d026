// Matrices, row after row in one array.

export function transposed(values, rows, columns) {
  const made = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) made[c * rows + r] = values[r * columns + c];
  return made;
}
