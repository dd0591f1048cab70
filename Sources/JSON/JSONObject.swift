/// An object's members in the order in which they were written; a key stands once. Equality is of the ordered pairs.
/// Looking a key up walks the members: configurations have a dozen, where a hash table would only cost its making.
public struct JSONObject: Hashable, Sendable {
    struct Member: Hashable, Sendable {
        let key: String
        var value: JSON
    }

    private(set) var members: [Member]

    public init() { members = [] }

    /// The pairs in their order; of equal keys the last value counts, at the first one's place.
    public init(_ pairs: [(String, JSON)]) {
        self.init()
        for (key, value) in pairs { self[key] = value }
    }

    /// Members whose keys the caller knows to be different.
    init(unique members: [Member]) { self.members = members }

    /// The key's value. Setting nil removes the member; a new key goes last.
    public subscript(key: String) -> JSON? {
        get {
            for member in members where member.key == key { return member.value }
            return nil
        }
        set {
            if let index = members.firstIndex(where: { $0.key == key }) {
                if let newValue { members[index].value = newValue } else { members.remove(at: index) }
            } else if let newValue {
                members.append(Member(key: key, value: newValue))
            }
        }
    }

    public var keys: [String] { members.map(\.key) }
    public var isEmpty: Bool { members.isEmpty }
    public var count: Int { members.count }
    public var underestimatedCount: Int { members.count }

    /// The other's members go last, save those whose key stands here already.
    public mutating func merge(_ other: JSONObject) {
        // Only this object's own members are searched: the other's keys differ from each other.
        let own = members
        for member in other.members where !own.contains(where: { $0.key == member.key }) { members.append(member) }
    }

    /// The object without some of its members.
    public func removing(_ keys: String...) -> JSONObject {
        JSONObject(unique: members.filter { !keys.contains($0.key) })
    }
}

extension JSONObject: Sequence {
    public struct Iterator: IteratorProtocol {
        var members: IndexingIterator<[Member]>
        public mutating func next() -> (key: String, value: JSON)? {
            members.next().map { ($0.key, $0.value) }
        }
    }

    public func makeIterator() -> Iterator { Iterator(members: members.makeIterator()) }
}

extension JSONObject: ExpressibleByDictionaryLiteral, CustomStringConvertible {
    public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
    public var description: String { JSON.object(self).text }
}
