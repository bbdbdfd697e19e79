/** Images whose content is a function of (seed, offset); see `src/loopback/image.ts`. */
export {
  contentAt,
  type ImageRange,
  type ImageSpec,
  imageBytes,
  imageDigest,
  writeImage,
} from '../src/loopback/image.ts';
