import Glibc
import NetCore

/// The mounts that a bundle brings from the host, in the order of its mounts; nil for what is made inside.
struct BindSources {
    let root: BindSource
    let mounts: [BindSource?]

    init(_ spec: BundleSpec, bundle: String) throws(OCIError) {
        var mounts: [BindSource?] = []
        for mount in spec.mounts {
            guard mount.isBind else {
                mounts.append(nil)
                continue
            }
            let path = mount.source.utf8.first == UInt8(ascii: "/") ? mount.source : "\(bundle)/\(mount.source)"
            mounts.append(
                try kernel { () throws(KernelError) in
                    try BindSource(path, isRecursive: mount.isRecursive, propagation: mount.propagation)
                })
        }
        let kind = spec.linux.rootPropagation ?? 0
        root = try kernel { () throws(KernelError) in
            try BindSource(spec.root, isRecursive: true, propagation: kind & UInt(MS_SHARED) != 0 ? [kind] : [])
        }
        self.mounts = mounts
    }

    /// Where a child has them, they are not kept here.
    func close() {
        Glibc.close(root.tree)
        for case .some(let source) in mounts { Glibc.close(source.tree) }
    }
}
