# SPDX-License-Identifier: MIT
# AsciiDoc words of our own:
#
#   [.req,id=...,actor=...,src="..."]   a rule: badge, permalink, source, tests
#   include::wire:NAME[]                generated text about a structure
#   wire::NAME[]                        the same as a block
#   include::model:TABLE[]              a table of spec/model, its diagram
#   rules::index[], rules::products[]   tables over all rules
#   rules::decisions[]                  decisions.yaml of the document, with
#                                       the rules whose source names each
#
# What tools/trace has joined (attribute trace-json) and what tools/wiregen has
# made (attribute wire-dir) is used when it is there.
require 'asciidoctor'
require 'asciidoctor/extensions'
require 'cgi'
require 'json'
require 'yaml'

module Smb3x
  KEYWORD = /\b(MUST NOT|SHOULD NOT|MUST|SHOULD|MAY)\b/
  VERDICT_ORDER = %w[FAIL ERROR NOVERDICT CHANGED XPASS WARN XFAIL SKIP PASS]

  def self.escape(text)
    CGI.escapeHTML(text)
  end

  # The records of tools/trace by rule id; empty when it has not run.
  def self.trace(document)
    path = document.attr('trace-json')
    return {} unless path && File.exist?(path)
    @trace ||= JSON.parse(File.read(path, encoding: 'utf-8'))['rules']
                   .to_h { |rule| [rule['id'], rule] }
  end

  # One rule as HTML.
  class RuleHtml
    def initialize(id, actor, source, text, record)
      @id = id
      @actor = actor
      @source = source
      @text = text
      @record = record || {}
    end

    def level
      @text[KEYWORD] || ''
    end

    def sentence
      Smb3x.escape(@text).sub(KEYWORD) { |word| %(<strong>#{word}</strong>) }
    end

    def margin
      tests = @record['tests'] || []
      # the rows of a table are one test to the reader
      names = tests.group_by { |test| test.sub(/\[.*\]\z/, '') }
      parts = names.map { |name, rows|
        %(<code>#{Smb3x.escape(name)}</code>) +
          (rows.length > 1 ? " &#215;&#160;#{rows.length}" : '')
      }
      if parts.empty? && @record['untestable']
        parts = ["no test: #{Smb3x.escape(@record['untestable'])}"]
      end
      results = (@record['results'] || {}).sort.map { |name, verdicts|
        worst = VERDICT_ORDER.find { |v| verdicts.value?(v) } || '?'
        %(<span class="result #{worst.downcase}">#{Smb3x.escape(name)}: ) +
          %(#{worst}</span>)
      }
      body = (parts + results).map { |part| "<li>#{part}</li>" }.join
      return '' if body.empty?
      %(<aside class="rule-tests" aria-label="Tests of #{@id}">) +
        %(<ul>#{body}</ul></aside>)
    end

    def html
      <<~HTML
        <div class="rule #{level.downcase.tr(' ', '-')} #{@actor}" id="#{@id}">
        <div class="rule-head"><a class="rule-id" href="##{@id}">#{@id}</a>
        <span class="badge level">#{level}</span>
        <span class="badge actor">#{@actor}</span>
        <button type="button" class="copy" data-rule="#{@id}"
         title="Copy a link to #{@id}">copy link</button>
        <span class="rule-source">#{Smb3x.escape(@source)}</span></div>
        <p>#{sentence}</p>#{margin}
        </div>
      HTML
    end
  end

  # Turns the paragraphs with the role "req" into rules.
  class RuleProcessor < Asciidoctor::Extensions::TreeProcessor
    def process(document)
      trace = Smb3x.trace(document)
      document.find_by(context: :paragraph, role: 'req').each do |node|
        node.set_attr('reftext', node.id)
        node.set_attr('rule-text', node.source)
        if document.backend == 'html5'
          replace(node, trace[node.id])
        else
          print(node)
        end
      end
      document
    end

    def replace(node, record)
      html = RuleHtml.new(node.id, node.attr('actor'), node.attr('src'),
                          node.source, record).html
      block = create_block(node.parent, :pass, html, {}, subs: nil)
      blocks = node.parent.blocks
      blocks[blocks.index(node)] = block
    end

    # For paper: a line with id and source, then the sentence.
    def print(node)
      text = node.source.gsub(/[\\`*_#+^~]/) { |c| "&##{c.ord};" }
                 .gsub('<', '&lt;').gsub('>', '&gt;').gsub('::', '&#58;&#58;')
                 .gsub(/[\[\]]/) { |c| "&##{c.ord};" }
                 .sub(KEYWORD) { |word| "*#{word}*" }
      source = node.attr('src').gsub(/[\[\]]/) { |c| "&##{c.ord};" }
      node.lines.replace(["[.rule-id]#{'#'}#{node.id}#{'#'} " \
                          "[.rule-source]#{'#'}#{source}#{'#'} +", text])
      blocks = node.parent.blocks
      position = blocks.index(node)
      together = create_open_block(node.parent, [],
                                   'options' => 'unbreakable')
      together.set_option('unbreakable')
      node.parent = together
      together.blocks << node
      blocks[position] = together
    end
  end

  # Generated text about one structure, or a note that it is not there.
  module Wire
    INCLUDE = /^include::([A-Za-z0-9_-]+)\.adoc\[/
    # What a reader meets first stands first.
    FIRST = ['Headers and commands', 'Negotiation', 'Create contexts'].freeze

    def self.lines(document, name)
      path = File.join(document.attr('wire-dir', ''), "#{name}.adoc")
      paper = path.sub(/\.adoc\z/, '-paper.adoc')
      path = paper if document.backend == 'pdf' && File.exist?(paper)
      unless File.exist?(path)
        return ["NOTE: The layout #{name} is made by the build (`make docs`)."]
      end
      text = File.readlines(path, chomp: true, encoding: 'utf-8')
      text = text.flat_map { |line|
        line[INCLUDE] ? lines(document, line[INCLUDE, 1]) : [line]
      }
      name == 'wire-structures' ? sorted(text) : text
    end

    def self.sorted(text)
      parts = text.slice_before { |line| line.start_with?('=== ') }.to_a
      parts.each_with_index.sort_by { |part, i|
        [FIRST.index(part.first.delete_prefix('=== ')) || FIRST.length, i]
      }.flat_map { |part, _| part + [''] }
    end
  end

  class WireInclude < Asciidoctor::Extensions::IncludeProcessor
    def handles?(target)
      target.start_with?('wire:')
    end

    def process(document, reader, target, attributes)
      lines = Wire.lines(document, target.delete_prefix('wire:'))
      if attributes['deeper']
        lines = lines.map { |line| line.sub(/^(?==+ )/, '=') }
      end
      reader.push_include(lines, target, target, 1, {})
    end
  end

  # What tools/model has made of a table stands beside the layouts.
  class ModelInclude < Asciidoctor::Extensions::IncludeProcessor
    def handles?(target)
      target.start_with?('model:')
    end

    def process(document, reader, target, _attributes)
      lines = Wire.lines(document, target.sub(':', '-'))
      reader.push_include(lines, target, target, 1, {})
    end
  end

  class WireMacro < Asciidoctor::Extensions::BlockMacroProcessor
    use_dsl
    named :wire

    def process(parent, target, _attributes)
      parse_content(parent, Wire.lines(parent.document, target))
      nil
    end
  end

  # What a document has decided about open questions, with the rules.
  class Decisions
    def initialize(path, rules)
      @entries = YAML.safe_load(File.read(path, encoding: 'utf-8'))
      @rules = rules
    end

    def lines
      rows = @entries['decisions'].flat_map { |entry| row(entry) }
      ['[%header.decisions,cols="1,7,3"]', '|===',
       '|No. |Question and decision |Rules', '', *rows, '|===']
    end

    def row(entry)
      found = rules_of(entry)
      if found.empty? && !entry['open']
        raise "#{entry['id']}: neither a rule nor a reason to have none"
      end
      text = ["_#{entry['question']}_", '', entry['decision']]
      text += ['', "*Left open:* #{entry['open']}"] if entry['open']
      ["|[[#{entry['id']}]]#{entry['id']}", "a|#{text.join("\n")}",
       "|#{found.empty? ? 'none' : found}"]
    end

    # Runs of successive numbers are drawn together.
    def rules_of(entry)
      return entry['rules'].map { |group| "all of #{group}" }.join(', ') \
        if entry['rules']
      ids = @rules.select { |rule|
        rule['source'].match?(/\b#{entry['id']}\b/)
      }.map { |rule| rule['id'] }.sort
      runs = ids.slice_when { |a, b| a.succ != b }
      runs.map { |run|
        case run.length
        when 1 then "<<#{run[0]}>>"
        when 2 then "<<#{run[0]}>>, <<#{run[1]}>>"
        else "<<#{run[0]}>> to <<#{run[-1]}>>"
        end
      }.join(', ')
    end
  end

  # Tables over all rules: rules::index[], products[] and decisions[].
  class RulesMacro < Asciidoctor::Extensions::BlockMacroProcessor
    use_dsl
    named :rules

    def process(parent, target, _attributes)
      lines = case target
              when 'index' then index(parent.document)
              when 'products' then products(parent.document)
              when 'decisions' then decisions(parent.document)
              end
      parse_content(parent, lines) if lines
      nil
    end

    def rules_of(document)
      path = document.attr('requirements-json')
      return nil unless path && File.exist?(path)
      name = document.attr('docname')
      JSON.parse(File.read(path, encoding: 'utf-8'))
          .select { |rule| rule['document'] == name }
    end

    def decisions(document)
      rules = rules_of(document)
      path = File.join(document.base_dir, document.attr('docname'),
                       'decisions.yaml')
      rules && Decisions.new(path, rules).lines
    end

    def index(document)
      rules = rules_of(document)
      return nil unless rules
      rows = rules.map { |rule|
        "|<<#{rule['id']},#{rule['id']}>> |#{rule['level']} " \
          "|#{rule['actor']} |#{rule['section']} |#{rule['source']}"
      }
      ['[%header.index,cols="4,2,2,5,5"]', '|===',
       '|Rule |Level |Actor |Section |Source', '', *rows, '|===']
    end

    # The worst verdict of each rule of this document for each product.
    def verdicts(document)
      name = document.attr('docname')
      found = Hash.new { |products, name|
        products[name] = Hash.new { |lists, verdict| lists[verdict] = [] }
      }
      Smb3x.trace(document).each_value do |rule|
        next unless rule['document'] == name
        (rule['results'] || {}).each do |name, tests|
          worst = VERDICT_ORDER.find { |v| tests.value?(v) }
          found[name][worst] << rule['id'] if worst
        end
      end
      found
    end

    def products(document)
      found = verdicts(document)
      return ['No results have been recorded.'] if found.empty?
      rows = found.sort.map { |name, by_verdict|
        counts = %w[PASS WARN FAIL XFAIL SKIP].map { |v| by_verdict[v].length }
        others = by_verdict.values.sum(&:length) - counts.sum
        "|#{name} |#{[*counts, others].join(' |')}"
      }
      broken = found.sort.flat_map { |name, by_verdict|
        ids = %w[FAIL XFAIL WARN].flat_map { |v| by_verdict[v] }
        ["#{name}:: #{ids.map { |id| "<<#{id}>>" }.join(', ')}"] if ids.any?
      }.compact
      ['.Rules by their worst verdict', '[%header,cols="3,>1,>1,>1,>1,>1,>1"]',
       '|===', '|Product |PASS |WARN |FAIL |XFAIL |SKIP |other', '', *rows,
       '|===', '', *(broken.any? ? ['.Rules that were not kept'] : []),
       *broken]
    end
  end
end

Asciidoctor::Extensions.register do
  tree_processor Smb3x::RuleProcessor
  include_processor Smb3x::WireInclude
  include_processor Smb3x::ModelInclude
  block_macro Smb3x::WireMacro
  block_macro Smb3x::RulesMacro
end
