/* A page that is only looked at has nothing to decide. */

const LOOK_ONLY = {
  active: false,
  blockControls: () => [],
  photoControls: () => [],
  selectControl: () => [],
  viewerControls: () => [],
  key: () => false,
};
