# SPDX-License-Identifier: MIT
# Writes the documents as HTML: for each a single page, a folder with one page
# per chapter, and one search index for all.
#
#   build-html.rb OUT THEME TRACE REQUIREMENTS WIRE DOCUMENT.adoc ...
require 'asciidoctor'
require 'fileutils'
require 'json'
require_relative 'rules'
require_relative 'page'

# Unresolved cross references are only worth an information to asciidoctor.
LOG = Asciidoctor::MemoryLogger.new
LOG.level = Logger::INFO
Asciidoctor::LoggerManager.logger = LOG
$VERBOSE = true

OUT, THEME, TRACE, REQUIREMENTS, WIRE, *DOCUMENTS = ARGV

ATTRIBUTES = {
  'trace-json' => TRACE, 'requirements-json' => REQUIREMENTS,
  'wire-dir' => WIRE, 'wire-images' => 'wire', 'reproducible' => '',
  'sectnums' => '', 'sectnumlevels' => '4', 'sectanchors' => '',
  'icons' => 'font', 'experimental' => '', 'idprefix' => '',
  'xrefstyle' => 'full',
  'idseparator' => '-', 'data-uri' => nil
}.compact

def number_of(section)
  section.numbered ? section.sectnum('.', false) : nil
end

# A part of a document with a page of its own.
Chunk = Struct.new(:file, :title, :number, :html, :ids, :depth)

# One document, cut into chunks.
class Book
  attr_reader :name, :title, :tab, :chunks, :document

  def initialize(path)
    @name = File.basename(path, '.adoc')
    @document = Asciidoctor.load_file(path, safe: :unsafe, backend: 'html5',
                                      attributes: ATTRIBUTES)
    @title = @document.doctitle
    @tab = @document.attr('short-title', @title)
    @document.convert
    @chunks = []
    @document.sections.each { |section| cut(section) }
  end

  # The role of a chapter says where it is cut: "cut-2" makes a page of each
  # of its sections, "cut-3" of each subsection of its longest section.
  def cut(section)
    owner = if section.role?('cut-2')
              section
            elsif section.role?('cut-3')
              section.sections.max_by { |part| part.sections.length }
            end
    return add(section, section.convert, 1) unless owner
    parts = owner.sections.map { |part| [part, part.convert] }
    blocks = owner.blocks.dup
    owner.blocks.reject! { |block| block.context == :section }
    add(section, section.convert, 1)
    owner.blocks.replace(blocks)
    parts.each { |part, html| add(part, html, 2) }
  end

  def add(section, html, depth)
    ids = html.scan(/\bid="([^"]+)"/).flatten
    number = number_of(section)
    file = "#{format('%02d', @chunks.length + 1)}-#{section.id}.html"
    @chunks << Chunk.new(file, section.title, number, html, ids, depth)
  end

  # {id: file} of everything that can be linked to.
  def places
    @places ||= @chunks.each_with_object({}) { |chunk, map|
      chunk.ids.each { |id| map[id] ||= chunk.file }
    }
  end

  def localize(chunk)
    chunk.html.gsub(/href="#([^"]+)"/) do
      file = places[$1]
      file.nil? || file == chunk.file ? %(href="##{$1}") :
        %(href="#{file}##{$1}")
    end.gsub('src="wire/', 'src="../wire/')
  end
end

def strip_html(html)
  CGI.unescapeHTML(html.gsub(/<[^>]+>/, ' ')).gsub(/\s+/, ' ').strip
end

def rule?(block)
  block.context == :pass && block.source.include?('class="rule ')
end

# Sentence, source and tests of a rule.
def rule_text(html)
  tests = html[/<aside.*<\/aside>/m].to_s.scan(/<code>(.*?)<\/code>/)
  strip_html([html[/<p>(.*?)<\/p>/m, 1],
              html[/class="rule-source">(.*?)</m, 1], *tests].join(' '))
end

# All that stands in a section itself: paragraphs, tables, lists, diagrams. A
# table of all rules has its rules in the index already.
def section_text(section)
  own = section.blocks.reject { |b| b.context == :section || rule?(b) }
  own.reject! { |b| b.context == :table && b.role?('index') }
  strip_html(own.map { |b| b.convert.to_s }.join(' '))
end

# One entry per rule and per section: title, text, place in both forms.
def index_entries(book)
  entries = book.document.find_by(context: :pass).select { |b| rule?(b) }
  entries = entries.map { |block|
    id = block.source[/id="([^"]+)"/, 1]
    { t: id, x: rule_text(block.source), k: 'rule',
      p: "#{book.name}/#{book.places[id]}##{id}" }
  }
  book.document.find_by(context: :section).each do |section|
    next unless book.places[section.id]
    entries << { t: [number_of(section), section.title].compact.join(' '),
                 x: section_text(section),
                 p: "#{book.name}/#{book.places[section.id]}##{section.id}",
                 k: book.title }
  end
  entries
end

def stop_at_warnings
  LOG.messages.each do |entry|
    text = entry[:message]
    text = "#{text[:source_location]}: #{text[:text]}" if text.is_a?(Hash)
    warn "build-html: #{text}"
  end
  exit 1 unless LOG.empty?
end

books = DOCUMENTS.map { |path| Book.new(path) }
stop_at_warnings
FileUtils.rm_rf(OUT)
FileUtils.mkdir_p(OUT)
%w[style.css search.js].each do |file|
  FileUtils.cp(File.join(THEME, file), OUT)
end
FileUtils.mkdir_p(File.join(OUT, 'wire'))
FileUtils.cp(Dir.glob(File.join(WIRE, '*.svg')), File.join(OUT, 'wire'))
books.each do |book|
  FileUtils.mkdir_p(File.join(OUT, book.name))
  body = book.document.blocks.map(&:convert).join("\n")
  Page.new(book, books, '').write(File.join(OUT, "#{book.name}.html"), body)
  book.chunks.each_with_index do |chunk, position|
    Page.new(book, books, '../', position)
        .write(File.join(OUT, book.name, chunk.file), book.localize(chunk))
  end
end
Page.start(books).then do |html|
  File.write(File.join(OUT, 'index.html'), html)
end
entries = books.flat_map { |book| index_entries(book) }
File.write(File.join(OUT, 'search-index.js'),
           "window.SEARCH_INDEX = #{JSON.generate(entries)};\n")
