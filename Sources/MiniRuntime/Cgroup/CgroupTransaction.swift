import NetCore

/// Values for the files of one group, written all or none.
struct CgroupTransaction {
    private struct Entry {
        let hierarchy: CgroupHierarchy
        let write: CgroupWrite
    }

    private let path: String
    private var entries: [Entry] = []
    private var before: [Entry] = []

    init(_ path: String) { self.path = path }

    mutating func add(_ writes: [CgroupWrite], in hierarchy: CgroupHierarchy) {
        entries += writes.map { Entry(hierarchy: hierarchy, write: $0) }
    }

    /// Every value is written. The kernel refuses one that does not agree with another as it stands (memory above memory and
    /// swap, a quota above its burst), so that raising and lowering want opposite orders: what was refused is tried
    /// again after the rest, as long as that got further.
    mutating func commit(undoing: Bool) throws(KernelError) {
        var pending = entries
        while !pending.isEmpty {
            var refused: [Entry] = []
            var first: KernelError?
            for entry in pending {
                let old = undoing ? entry.hierarchy.text(path, entry.write.file) : nil
                do throws(KernelError) {
                    try entry.hierarchy.write(path, entry.write.file, entry.write.value)
                    remember(old, entry)
                } catch {
                    let explained = CgroupAdvice.explained(error, entry.write, path, entry.hierarchy)
                    guard error.errno == .invalidArgument || error.errno == .busy else {
                        undo()
                        throw explained
                    }
                    refused.append(entry)
                    first = first ?? explained
                }
            }
            if let first, refused.count == pending.count {
                undo()
                throw first
            }
            pending = refused
        }
    }

    /// Only a file of one line takes what it says.
    private mutating func remember(_ old: String?, _ entry: Entry) {
        guard let old, !old.isEmpty, !old.utf8.contains(0x0a), entry.write.controller != "devices" else { return }
        before.append(
            Entry(hierarchy: entry.hierarchy, write: CgroupWrite(entry.write.controller, entry.write.file, old)))
    }

    private func undo() {
        for entry in before.reversed() {
            // The first error is the one to tell.
            do throws(KernelError) { try entry.hierarchy.write(path, entry.write.file, entry.write.value) } catch {}
        }
    }
}
