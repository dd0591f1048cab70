#pragma once
// What berth-core puts in the place of a part of the Swift runtime, at link time (docs/adr/0007-start.md): nobody needs a
// declaration.
