import CFiles
import Glibc
import NetCore

/// A container's root as its layers make it, looked at without a mount: for who plans a container that is not there.
public struct LayeredRoot: Sendable {
    /// The highest first; with one, it may be a root that is mounted.
    public let layers: [String]
    public init(_ layers: [String]) { self.layers = layers }

    private static let slash = UInt8(ascii: "/")

    /// The path without links, as one sees it whose root that is; what is not there stays as it is said.
    public func resolve(_ path: String) -> String {
        var steps: [Name] = []
        var rest = LayeredRoot.parts(path)
        var links = 0
        while !rest.isEmpty {
            let name = rest.removeFirst()
            if name == [0x2e] { continue }
            if name == [0x2e, 0x2e] {
                _ = steps.popLast()
                continue
            }
            if links < 40, let target = link(steps + [name]) {
                links += 1
                if target.first == LayeredRoot.slash { steps = [] }
                rest = target.split(separator: LayeredRoot.slash).map(Array.init) + rest
            } else {
                steps.append(name)
            }
        }
        return "/" + String(decoding: Array(steps.joined(separator: [LayeredRoot.slash])), as: UTF8.self)
    }

    /// Whether anything is at the path, links resolved.
    public func has(_ path: String) -> Bool {
        let parts = LayeredRoot.parts(resolve(path))
        // What is a link still leads round in a circle.
        return find(parts, Directory.pathOnly) != nil && link(parts) == nil
    }

    /// A file's content; nil where there is no file, or one of more than `limit` bytes.
    public func read(_ path: String, limit: Int) -> [UInt8]? {
        let parts = LayeredRoot.parts(resolve(path))
        guard let file = find(parts, O_RDONLY | O_NONBLOCK) else { return nil }
        do throws(ImageError) {
            guard let facts = try Directory.facts(file.number, []), facts.isFile else { return nil }
        } catch {
            return nil
        }
        do throws(KernelError) { return try Files.read(file.number, limit: limit, operation: "read \(path)") } catch {
            return nil
        }
    }

    private static func parts(_ path: String) -> [Name] { path.utf8.split(separator: slash).map { Array($0) } }

    private func link(_ path: [Name]) -> Name? {
        guard let entry = find(path, Directory.pathOnly) else { return nil }
        do throws(ImageError) {
            guard let facts = try Directory.facts(entry.number, []), facts.isLink else { return nil }
        } catch {
            return nil
        }
        var text = [CChar](repeating: 0, count: 4097)
        let count = readlinkat(entry.number, "", &text, 4096)
        return count > 0 ? text[..<count].map { UInt8(bitPattern: $0) } : nil
    }

    /// What the highest layer that has the path has there. Neither a whiteout nor what an opaque directory hides is found.
    private func find(_ path: [Name], _ flags: Int32) -> OwnedDescriptor? {
        for layer in layers {
            do throws(ImageError) {
                let lower = try Lower(layer)
                var hides = false
                var isMissing = false
                for depth in 0..<max(path.count, 1) {
                    let part = Array(path.prefix(depth).joined(separator: [LayeredRoot.slash]))
                    guard let above = lower.entry(part, Directory.pathOnly),
                        let facts = try Directory.facts(above.number, [])
                    else {
                        isMissing = true
                        break
                    }
                    guard facts.isDirectory else { return nil }
                    // An attribute is read of a descriptor that is open for reading.
                    if let open = lower.entry(part, O_RDONLY | O_DIRECTORY),
                        Directory.attribute(open.number, [], Directory.opaque) == [UInt8(ascii: "y")]
                    {
                        hides = true
                    }
                }
                let whole = Array(path.joined(separator: [LayeredRoot.slash]))
                if !isMissing, let found = lower.entry(whole, Directory.pathOnly),
                    let facts = try Directory.facts(found.number, [])
                {
                    return facts.isWhiteout ? nil : lower.entry(whole, facts.isLink ? Directory.pathOnly : flags)
                }
                if hides { return nil }
            } catch {
                continue
            }
        }
        return nil
    }
}
