import CFiles
import Glibc
import NetCore

/// What an overlay's upper directory says about the layers below.
struct RootChanges {
    /// The highest first.
    private let layers: [Lower]
    private(set) var found: [(kind: Int, path: String)] = []
    private var depth = 0

    init(_ layers: [Lower]) { self.layers = layers }

    /// `hidden`: a directory above is opaque, so what it has not itself is deleted.
    mutating func read(_ directory: Int32, at path: Name, hidden: Bool) throws(ImageError) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= ArchiveLimits().depth * 2 else {
            throw ImageError(500, "the container has too many directories in each other")
        }
        let names = try Directory.names(directory)
        for name in names {
            guard let facts = try Directory.facts(directory, name) else { continue }
            let below = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
            let wasThere = exists(below)
            if facts.isWhiteout {
                if wasThere { note(2, below) }
                continue
            }
            note(wasThere ? 0 : 1, below)
            guard facts.isDirectory else { continue }
            let open = try kernel { () throws(KernelError) in
                try Directory.entry(directory, name, O_RDONLY | O_DIRECTORY)
            }
            let isHidden = hidden || Directory.attribute(open.number, [], Directory.opaque) == [UInt8(ascii: "y")]
            try read(open.number, at: below, hidden: isHidden && wasThere)
            if isHidden, wasThere { try noteDeleted(below, kept: Set(try Directory.names(open.number))) }
        }
        if path.isEmpty { found.sort { $0.path < $1.path } }
    }

    /// What the layers have in a directory that hides them.
    private mutating func noteDeleted(_ path: Name, kept: Set<Name>) throws(ImageError) {
        var seen = kept
        for layer in layers {
            guard let directory = layer.entry(path, O_RDONLY | O_DIRECTORY) else { continue }
            for name in try Directory.names(directory.number) where seen.insert(name).inserted {
                let below = path + [UInt8(ascii: "/")] + name
                if exists(below) { note(2, below) }
            }
        }
    }

    /// Whether the layers together show something there.
    private func exists(_ path: Name) -> Bool {
        let parts = path.split(separator: UInt8(ascii: "/"))
        for layer in layers {
            if let entry = layer.entry(path, Directory.pathOnly) {
                var found = berth_file()
                guard berth_file_stat(entry.number, [0], &found) == 0 else { return false }
                return !FileFacts(found: found).isWhiteout
            }
            // Something in this layer may hide what lies below it: a whiteout, an opaque directory, a file in the way.
            for count in stride(from: 1, to: parts.count, by: 1) {
                let above = Name(parts.prefix(count).joined(separator: [UInt8(ascii: "/")]))
                guard let entry = layer.entry(above, Directory.pathOnly) else { break }
                var found = berth_file()
                guard berth_file_stat(entry.number, [0], &found) == 0 else { return false }
                guard FileFacts(found: found).isDirectory else { return false }
                if Directory.attribute(entry.number, [], Directory.opaque) == [UInt8(ascii: "y")] { return false }
            }
        }
        return false
    }

    private mutating func note(_ kind: Int, _ path: Name) {
        found.append((kind, "/" + String(decoding: path, as: UTF8.self)))
    }
}
